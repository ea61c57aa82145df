"""The command line: one thin function a command; flows and the sandbox are imported when used."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import cyclopts
from cyclopts import App, Parameter

from birthcert import (
    __version__,
    cli_devices,
    cli_installation,
    cli_plan,
    cli_root,
    cli_sandbox,
    cli_team,
    console,
)
from birthcert.ceremony import CertificateAwaited
from birthcert.console import Show
from birthcert.flags import (
    AuthorityFlags,
    Common,
    DeviceFlags,
    ProvisioningFlags,
    ReconcilingFlags,
    ReplacingFlags,
    WhereFlags,
    request_of,
)
from birthcert.models import (
    BootstrapReport,
    BootstrapRequest,
    IssueRequest,
    ReconcileRequest,
    RolloverReport,
    RolloverRequest,
)
from birthcert.options.bootstrap import Authority, Provisioning

Report = TypeVar("Report", BootstrapReport, RolloverReport)


app = App(
    name="birthcert",
    version=__version__,
    help="Birth certificates for device fleets: AWS Private CA and AWS IoT provisioning.",
    default_parameter=Parameter(negative=()),
)
for commands in (cli_devices, cli_plan, cli_root, cli_sandbox, cli_team, cli_installation):
    commands.mount(app)


@app.command
def bootstrap(
    *,
    where: WhereFlags,
    authority: AuthorityFlags = Authority(),
    provisioning: ProvisioningFlags = Provisioning(),
    refresh: bool = False,
    canary: Annotated[bool, Parameter(negative="--no-canary")] = True,
    show: Common = Show(),
) -> int:
    """Make an account and region ready: CA, registration with AWS IoT, provisioning template.

    Run it again after a crash: it goes on where it stopped and makes nothing twice. Exit code 3
    where a further place (--also) is not ready.

    Parameters
    ----------
    refresh
        Look everything up in AWS again, whatever earlier runs recorded.
    canary
        Prove it with a throw-away device at the end: needs a route to the device endpoint.
    """

    def command() -> int:
        groups = (where, authority, provisioning)
        request = request_of(BootstrapRequest, *groups, refresh=refresh, canary=canary)
        from birthcert.runs import run_bootstrap
        from birthcert.screens import show_bootstrap

        return _shown_or_handed_over(lambda: run_bootstrap(request, show), show, show_bootstrap)

    return console.run_command(command, debug=show.debug)


@app.command
def rollover(
    *,
    where: WhereFlags,
    replacing: ReplacingFlags,
    authority: AuthorityFlags = Authority(),
    provisioning: ProvisioningFlags = Provisioning(),
    refresh: bool = False,
    canary: Annotated[bool, Parameter(negative="--no-canary")] = True,
    show: Common = Show(),
) -> int:
    """Replace the CA: a successor is made, registered and proved, then it issues.

    Devices of both connect meanwhile. The flags are those of bootstrap. Run it again, also with
    another --old-registration: it goes on. Exit code 3 where something is left to do.

    Parameters
    ----------
    refresh
        Look everything up in AWS again, whatever earlier runs recorded.
    canary
        Prove the successor with a throw-away device before it issues.
    """

    def command() -> int:
        groups = (where, authority, provisioning, replacing)
        request = request_of(RolloverRequest, *groups, refresh=refresh, canary=canary)
        from birthcert.runs import run_rollover
        from birthcert.screens import show_rollover

        return _shown_or_handed_over(lambda: run_rollover(request, show), show, show_rollover)

    return console.run_command(command, debug=show.debug)


@app.command
def issue(*, where: WhereFlags, devices: DeviceFlags, show: Common = Show()) -> int:
    """Certify the devices of a manifest; exit code 3 where some were refused."""

    def command() -> int:
        request = request_of(IssueRequest, where, devices)
        from birthcert.runs import run_issue
        from birthcert.screens import show_issue

        report = run_issue(request, show)
        console.show_result(report, show, show_issue)
        return report.exit_code()

    return console.run_command(command, debug=show.debug)


@app.command
def reconcile(*, where: WhereFlags, reconciling: ReconcilingFlags, show: Common = Show()) -> int:
    """Put the ledger right with what AWS has issued; exit code 3 where something is yours to judge.

    Adopts certificates whose answer was lost, frees requests that bought nothing, writes missing
    files again. Buys nothing.
    """

    def command() -> int:
        request = request_of(ReconcileRequest, where, reconciling)
        from birthcert.ledger_screens import show_reconcile
        from birthcert.runs import run_reconcile

        report = run_reconcile(request, show)
        console.show_result(report, show, show_reconcile)
        return report.exit_code()

    return console.run_command(command, debug=show.debug)


@app.command
def status(*, tenant: str | None = None, show: Common = Show()) -> int:
    """List runs and batches, and what each batch still lacks; AWS is not asked.

    Parameters
    ----------
    tenant
        Only this tenant's; all where not given.
    """

    def command() -> int:
        from birthcert.ledger_screens import show_status
        from birthcert.runs import read_status

        report = read_status(tenant, show)
        console.show_result(report, show, show_status)
        return console.DONE

    return console.run_command(command, debug=show.debug)


@app.command
def demo(*, keep: bool = False, directory: Path = Path("build/demo"), show: Common = Show()) -> int:
    """Bootstrap and certify an example fleet of 25 devices on a local sandbox.

    Parameters
    ----------
    keep
        Leave the sandbox and Prefect's UI up to look around; Ctrl-C ends them.
    directory
        Where the files go.
    """

    def command() -> int:
        from birthcert.demo import run_demo

        return run_demo(directory, keep=keep, show=show)

    return console.run_command(command, debug=show.debug)


def _shown_or_handed_over(
    run: Callable[[], Report], show: Show, show_report: Callable[[Report], None]
) -> int:
    """Show what came of a run, or hand over the CSR that a root's owner must sign first."""
    try:
        report = run()
    except CertificateAwaited as pending:
        return cli_root.hand_over(pending, show)
    console.show_result(report, show, show_report)
    return report.exit_code()


def run(arguments: list[str]) -> int:
    """The exit code of `birthcert ARGUMENTS`; wrong usage is one line and exit code 2."""
    try:
        result = app(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except cyclopts.CycloptsError as error:
        console.print_error(f"{str(error).strip().rstrip('.')}; see birthcert --help")
        return console.WRONG_USAGE
    return result if isinstance(result, int) else console.DONE


def main() -> None:
    """The entry point of the `birthcert` script."""
    sys.exit(run(sys.argv[1:]))
