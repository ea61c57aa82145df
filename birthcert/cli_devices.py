"""The commands on devices beside issue: a fleet over several places; connect, and the canary."""

from cyclopts import App

from birthcert import console
from birthcert.console import Show
from birthcert.flags import (
    Common,
    ConnectingFlags,
    FleetDeviceFlags,
    PlacesFlags,
    WhereFlags,
    request_of,
)
from birthcert.models import CanaryRequest, FleetRequest


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(fleet)
    app.command(connect)
    app.command(canary)


def fleet(*, places: PlacesFlags, devices: FleetDeviceFlags, show: Common = Show()) -> int:
    """Certify a manifest in several places at once, each at its own quota; exit code 3 as issue.

    A device goes to the place that its row names, or stays where it is certified, or goes where
    its name takes it: to the same place at each run.
    """

    def command() -> int:
        request = request_of(FleetRequest, places, devices)
        from birthcert.runs import run_fleet
        from birthcert.screens import show_fleet

        report = run_fleet(request, show)
        console.show_result(report, show, show_fleet)
        return report.exit_code()

    return console.run_command(command, debug=show.debug)


def connect(*, where: WhereFlags, connecting: ConnectingFlags, show: Common = Show()) -> int:
    """Be a device: connect over mutual TLS, publish, subscribe; say why where AWS refuses."""

    def command() -> int:
        from birthcert.connecting import ConnectRequest, connect_here
        from birthcert.device_screens import show_connect, show_message

        with console.usage_errors():
            facts = {**where.request_facts(), **connecting.request_facts()}
            request = ConnectRequest.model_validate(facts)
        console.show_logs(show)
        report = connect_here(request, listen=lambda m: None if show.json else show_message(m))
        console.show_result(report, show, show_connect)
        for problem in report.problems:
            console.print_error(problem)
        return console.FAILED if report.problems else console.DONE

    return console.run_command(command, debug=show.debug)


def canary(
    *,
    where: WhereFlags,
    authority_arn: str | None = None,
    topic_namespace: str = "",
    show: Common = Show(),
) -> int:
    """Prove that a new device would be provisioned: a throw-away one is, and is taken away.

    Parameters
    ----------
    authority_arn
        The issuing CA; the tenant's where not given.
    topic_namespace
        First level of the devices' topics; the tenant where not given.
    """

    def command() -> int:
        request = request_of(
            CanaryRequest, where, authority_arn=authority_arn, topic_namespace=topic_namespace
        )
        from birthcert.device_screens import show_canary
        from birthcert.runs import run_canary

        report = run_canary(request, show)
        console.show_result(report, show, show_canary)
        return console.DONE

    return console.run_command(command, debug=show.debug)
