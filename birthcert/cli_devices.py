"""The commands that speak as a device: connect, and the canary."""

from cyclopts import App

from birthcert import console
from birthcert.console import Show
from birthcert.flags import Common, ConnectingFlags, WhereFlags
from birthcert.models import CanaryRequest


def mount(app: App) -> None:
    """Add these commands to the command line."""
    app.command(connect)
    app.command(canary)


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
        facts = {"authority_arn": authority_arn, "topic_namespace": topic_namespace}
        with console.usage_errors():
            request = CanaryRequest.model_validate({**where.request_facts(), **facts})
        from birthcert.device_screens import show_canary
        from birthcert.runs import run_canary

        report = run_canary(request, show)
        console.show_result(report, show, show_canary)
        return console.DONE

    return console.run_command(command, debug=show.debug)
