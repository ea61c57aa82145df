"""The commands of a team's installation: tenants, blocks, and the word that a manifest arrived."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cyclopts import App
from pydantic import TypeAdapter

from birthcert import console
from birthcert.console import Show
from birthcert.errors import BirthcertError
from birthcert.flags import Common
from birthcert.models import WhereRequest
from birthcert.tenants.overview import TenantStatus

PREFECT_FILE: Final = Path("prefect.yaml")
DEPLOY: Final = "prefect --no-prompt deploy --all"

tenant = App(name="tenant", help="The tenants of prefect.yaml.")
blocks = App(name="blocks", help="birthcert's parts of a Prefect server.")


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(tenant)
    app.command(blocks)
    app.command(notify)


@tenant.command
def add(
    name: str,
    *,
    account: str,
    region: str,
    account_block: str | None = None,
    file: Path = PREFECT_FILE,
    show: Common = Show(),
) -> int:
    """Write a tenant's deployments into prefect.yaml, and say what to run then.

    Parameters
    ----------
    name
        Lower-case letters, digits and hyphens.
    account
        Its AWS account, 12 digits.
    region
        Its AWS region.
    account_block
        The AWS Account block to work with; the workers' own credentials where not given.
    file
        The prefect.yaml to write.
    """

    def command() -> int:
        from birthcert.aws.caller import partition_of
        from birthcert.tenants.stanza import add_tenant

        with console.usage_errors():
            place = WhereRequest.model_validate(
                {
                    "tenant": name,
                    "account": account,
                    "region": region,
                    "partition": partition_of(region),
                    "account_block": account_block,
                }
            )
        add_tenant(file, place)
        console.err.print(f"wrote tenant {name} into {file}; now run:")
        console.out.print(DEPLOY)
        return console.DONE

    return console.run_command(command, debug=show.debug)


@tenant.command(name="list")
def list_tenants(*, file: Path = PREFECT_FILE, show: Common = Show()) -> int:
    """Which tenants are bootstrapped, their CA's end, last batch and next run.

    Parameters
    ----------
    file
        The prefect.yaml to read.
    """

    def command() -> int:
        console.show_logs(Show(quiet=True, debug=show.debug))
        found = _statuses(file)
        if show.json:
            document = TypeAdapter(list[TenantStatus]).dump_json(found, indent=2)
            sys.stdout.write(document.decode() + "\n")
        else:
            _show(found)
        return console.DONE

    return console.run_command(command, debug=show.debug)


@blocks.command
def register(*, notify: str | None = None, show: Common = Show()) -> int:
    """Make block types and automations known to the Prefect server; run it after each upgrade.

    Parameters
    ----------
    notify
        A notification block, TYPE/NAME, that is told of refusals, failed runs and ending CAs.
    """

    def command() -> int:
        from blocks.server import register as register_all

        for registered in register_all(notify):
            console.out.print(registered, markup=False)
        return console.DONE

    return console.run_command(command, debug=show.debug)


@blocks.command
def accounts(*, file: Path = PREFECT_FILE, show: Common = Show()) -> int:
    """Save the AWS Account blocks that tenants name and nobody has made yet.

    Each assumes the role `birthcert` in its tenant's account: edit it in Prefect's UI where that
    is not enough. A block that is there stays as it is.

    Parameters
    ----------
    file
        The prefect.yaml to read.
    """

    def command() -> int:
        from birthcert.tenants.stanza import read_tenants
        from blocks.server import save_missing_accounts

        for saved in save_missing_accounts(read_tenants(file)):
            console.out.print(saved, markup=False)
        return console.DONE

    return console.run_command(command, debug=show.debug)


def notify(*, tenant: str, inbox: str = "", show: Common = Show()) -> int:
    """Say that a manifest has arrived: the tenant's inbox deployment runs at once.

    Parameters
    ----------
    tenant
        Whose inbox.
    inbox
        Where it lies, for the record.
    """

    def command() -> int:
        from blocks.server import announce_arrival

        with console.usage_errors():
            WhereRequest(tenant=tenant)
        announce_arrival(tenant, inbox)
        return console.DONE

    return console.run_command(command, debug=show.debug)


def _statuses(file: Path) -> list[TenantStatus]:
    from birthcert.aws.access import AwsAccess
    from birthcert.ledger.ledger import Ledger
    from birthcert.settings import load_settings
    from birthcert.tenants.overview import tenant_status
    from birthcert.tenants.stanza import read_tenants
    from blocks.aws_account import load_account

    settings, found = load_settings(), []
    next_run = _next_run()
    with Ledger.open(settings.ledger_url, settings.state_folder) as ledger:
        for where in read_tenants(file):
            session = (
                load_account(where.account_block).get_session(where.region or "")
                if where.account_block
                else None
            )
            aws = AwsAccess(where.region or "", session=session, retry_seconds=5)
            found.append(next_run(tenant_status(aws, where, ledger)))
    return found


def _next_run() -> Callable[[TenantStatus], TenantStatus]:
    """Adds the next run, where a Prefect server answers; else says nothing of it."""
    from blocks.server import next_runs

    def with_next_run(status: TenantStatus) -> TenantStatus:
        try:
            runs = next_runs(status.tenant)
        except BirthcertError:
            return status
        facts = {"next_run_at": runs[0][0], "next_run": runs[0][1]} if runs else {}
        return status.model_copy(update=facts)

    return with_next_run


def _show(found: list[TenantStatus]) -> None:
    columns = ["tenant", "account", "region", "bootstrapped", "CA ends", "last batch", "next run"]
    rows = [
        [
            each.tenant,
            each.account,
            each.region,
            each.bootstrapped,
            each.authority_not_after[:10],
            each.last_batch,
            f"{each.next_run_at:%Y-%m-%d %H:%M} {each.next_run}" if each.next_run_at else "",
        ]
        for each in found
    ]
    console.print_rows(columns, rows)
