"""The human text of what devices do."""

from birthcert import console
from birthcert.connecting import ConnectReport, ReceivedMessage
from birthcert.models import CanaryReport


def show_message(message: ReceivedMessage) -> None:
    """A message as it comes in."""
    console.out.print(f"{message.topic}: {message.payload}", markup=False)


def show_connect(report: ConnectReport) -> None:
    """How a device's connecting went; its problems are told as errors."""
    acts = "published" if report.published else "connected" if report.connected else "not connected"
    tries = "1 try" if report.attempts == 1 else f"{report.attempts} tries"
    console.print_facts(
        f"{report.thing_name} {acts}",
        {
            "endpoint": f"{report.endpoint} ({report.protocol})",
            "connected": f"{'yes' if report.connected else 'no'}, {tries}, {report.seconds:.1f} s",
            "certificate": f"{report.certificate_id} {report.certificate_status or 'unknown'}",
            "received": len(report.received),
        },
    )


def show_canary(report: CanaryReport) -> None:
    """Each check of a canary that passed."""
    console.print_rows(
        ["check", "outcome", "seconds", "detail"],
        [[c.name, c.outcome, f"{c.seconds:.2f}", c.detail] for c in report.checks],
    )
    console.out.print(
        f"\na new device of {report.tenant} is provisioned and can work: "
        f"{report.endpoint}, {report.seconds:.1f} s"
    )
