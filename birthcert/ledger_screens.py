"""The human text of `reconcile` and `status`."""

from datetime import UTC, datetime
from typing import Final

from birthcert import console
from birthcert.models import ReconcileReport
from birthcert.reconciliation.reports import SHOWN, counts_of
from birthcert.status import BatchStatus, StatusReport

RUNS_SHOWN: Final = 10
BATCHES_SHOWN: Final = 10


def show_reconcile(report: ReconcileReport) -> None:
    """What did not agree, what was done about it, and what is left to the user."""
    if report.sandbox:
        console.out.print(f"[yellow]local sandbox {report.sandbox}, not AWS[/]")
    if report.discrepancies:
        console.print_rows(
            ["outcome", "device", "certificate", "why"],
            [
                [each.outcome, each.device_id or each.subject, each.certificate_arn, each.reason]
                for each in report.discrepancies[:SHOWN]
            ],
        )
        console.out.print()
    if len(report.discrepancies) > SHOWN:
        console.out.print(f"... {len(report.discrepancies) - SHOWN} more: --json has all\n")
    would = "would be " if report.dry_run else ""
    console.print_facts(
        f"{report.tenant}: {report.listed} certificates issued, {report.known} in the ledger, "
        f"{report.own} the CA's own, {report.ended} revoked or expired",
        {
            f"{would}{kind}" if kind in ("adopted", "released", "repaired") else kind: count
            for kind, count in counts_of(report).items()
        }
        | {"audit report": f"{report.audit_report} of {report.audit_report_as_of}"},
    )


def show_status(report: StatusReport) -> None:
    """The newest runs; the newest batches and all that lack something."""
    if report.runs_unknown:
        console.out.print(report.runs_unknown, markup=False)
    console.print_rows(
        ["run", "state", "started", "ended"],
        [
            [each.name, each.state, _moment(each.started_at), _moment(each.ended_at)]
            for each in report.runs[:RUNS_SHOWN]
        ],
    )
    console.out.print()
    shown = [
        each for place, each in enumerate(report.batches) if place < BATCHES_SHOWN or each.lacks()
    ]
    console.print_rows(
        ["batch", "tenant", "state", "started", "delivered", "lacks", "to do"],
        [
            [
                str(each.id),
                each.tenant,
                each.state,
                _moment(each.started_at),
                str(each.delivered),
                _lacks(each),
                each.remedy(),
            ]
            for each in shown
        ],
    )
    if len(shown) < len(report.batches):
        console.out.print(f"{len(report.batches) - len(shown)} older batches lack nothing")
    console.out.print(f"ledger: {report.ledger}", markup=False)


def _lacks(batch: BatchStatus) -> str:
    parts = [f"{count} {name.replace('_', ' ')}" for name, count in batch.lacks().items()]
    if batch.files_missing is None:
        parts.append("folder not here")
    return ", ".join(parts)


def _moment(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""
