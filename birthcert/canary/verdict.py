"""What a canary's report says to people: a table for Prefect, and the error where it failed."""

from birthcert.errors import BirthcertError
from birthcert.models import CanaryReport


class CanaryFailed(BirthcertError):
    """A check of the canary failed; facts: `checks`, the names of those that did."""


def canary_table(report: CanaryReport) -> list[dict[str, str]]:
    """A row for each check with its outcome and its seconds."""
    return [
        {
            "check": check.name,
            "outcome": check.outcome,
            "seconds": f"{check.seconds:.2f}",
            "detail": check.detail,
        }
        for check in report.checks
    ]


def require_passed(report: CanaryReport, *, made: str = "") -> CanaryReport:
    """The report, or CanaryFailed with the first check that failed.

    `made` says what stands although the proof is missing.
    """
    failed = [check for check in report.checks if check.outcome == "failed"]
    if not failed:
        return report
    names = [check.name for check in failed]
    others = f" (and: {', '.join(names[1:])})" if names[1:] else ""
    what = f"the canary failed at {names[0]!r}{others}: {failed[0].detail}"
    raise CanaryFailed(
        f"{made}: {what}" if made else what,
        remedy=f"then run: birthcert canary --tenant {report.tenant}",
        checks=names,
    )
