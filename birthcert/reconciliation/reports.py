"""A reconciliation's report: the JSON of the command line and the page of Prefect's UI. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, get_args

from birthcert.models import (
    AuditReport,
    CertificateAuthority,
    Discrepancy,
    DiscrepancyKind,
    Place,
    ReconcileReport,
    ReconcileRequest,
)
from birthcert.reconciliation.comparison import Comparison

SHOWN: Final = 50


def reconcile_report(
    *,
    request: ReconcileRequest,
    place: Place,
    authority: CertificateAuthority,
    audited: AuditReport,
    found: Comparison,
    discrepancies: Sequence[Discrepancy],
    seconds: float,
) -> ReconcileReport:
    """The facts of a finished reconciliation in one model."""
    counts = Counter(each.outcome for each in discrepancies)
    return ReconcileReport(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        sandbox=place.sandbox,
        authority_arn=authority.arn,
        dry_run=request.dry_run,
        audit_report=audited.arn,
        audit_report_as_of=audited.as_of.isoformat(timespec="seconds"),
        listed=found.listed,
        known=found.known,
        own=len(found.own),
        ended=found.ended,
        adopted=counts["adopted"],
        released=counts["released"],
        uncertain=counts["uncertain"],
        foreign=counts["foreign"],
        duplicate=counts["duplicate"],
        denied=counts["denied"],
        repaired=counts["repaired"],
        discrepancies=list(discrepancies),
        seconds=seconds,
    )


def counts_of(report: ReconcileReport) -> dict[DiscrepancyKind, int]:
    """The discrepancies' counts by kind, in the order in which they matter."""
    return {kind: getattr(report, kind) for kind in get_args(DiscrepancyKind)}


def reconcile_markdown(report: ReconcileReport) -> str:
    """The report, with its first discrepancies, as a page of Prefect's UI."""
    dry = " (dry run: nothing was changed)" if report.dry_run else ""
    lines = [f"# Reconciliation of {report.tenant} in {report.region}{dry}", ""]
    lines += [
        f"{report.listed} certificates in `{report.audit_report}` of {report.audit_report_as_of}: "
        f"{report.known} in the ledger, {report.own} the CA's own, {report.ended} ended.",
        "",
        "| | certificates |",
        "|---|---|",
        *(f"| {kind} | {count} |" for kind, count in counts_of(report).items()),
    ]
    if report.discrepancies:
        lines += ["", "| outcome | device | certificate | why |", "|---|---|---|---|"]
        for each in report.discrepancies[:SHOWN]:
            cells = (each.outcome, each.device_id, each.certificate_arn, each.reason)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
