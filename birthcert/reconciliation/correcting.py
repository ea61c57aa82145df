"""The ledger put right after a comparison: AWS wins, and each correction is logged."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Record
from birthcert.models import Discrepancy, DiscrepancyKind
from birthcert.reconciliation.comparison import Comparison

BUSY: Final = "a run is working on it: run it again when that has ended"
# one transaction's worth: a run that is issuing meanwhile does not wait long for the ledger
_AT_ONCE: Final = 1_000


def correct(ledger: Ledger, found: Comparison, *, dry_run: bool) -> list[Discrepancy]:
    """Adopt, release and deny what the comparison found; a line for each, and for the rest.

    A dry run changes nothing and gives the same lines. What a living run holds is `uncertain`.
    """
    adoptions = [(each.record, each.discrepancy()) for each in found.matches]
    releases = [(record, _released(record)) for record in found.released]
    denials = [(record, _denied(record)) for record in found.denied]
    taken = {each.record.id: each.adoption for each in found.matches}
    # what AWS denies first: the row may then take the certificate that it really has
    return [
        *_lines(
            denials,
            lambda some: ledger.deny({row.id: row.certificate_arn or "" for row in some}),
            dry_run,
        ),
        *_lines(adoptions, lambda some: ledger.adopt([taken[row.id] for row in some]), dry_run),
        *_lines(
            releases,
            lambda some: ledger.release_requests({row.id: row.requested_at for row in some}),
            dry_run,
        ),
        *found.strays,
        *(_uncertain(record, why) for record, why in found.uncertain),
    ]


def _lines(
    planned: Sequence[tuple[Record, Discrepancy]],
    change: Callable[[Sequence[Record]], set[int]],
    dry_run: bool,
) -> Iterator[Discrepancy]:
    """Change the rows, a thousand in a transaction; the line of each that was free to change."""
    for start in range(0, len(planned), _AT_ONCE):
        group = planned[start : start + _AT_ONCE]
        rows = [record for record, _ in group]
        changed = {row.id for row in rows} if dry_run else change(rows)
        for record, line in group:
            yield line if record.id in changed else _uncertain(record, BUSY)


def _released(record: Record) -> Discrepancy:
    return _line("released", record, "AWS has issued nothing for it: the next issue asks again")


def _denied(record: Record) -> Discrepancy:
    return _line("denied", record, "AWS knows no such certificate: the next issue buys one")


def _uncertain(record: Record, why: str) -> Discrepancy:
    return _line("uncertain", record, why)


def _line(outcome: DiscrepancyKind, record: Record, reason: str) -> Discrepancy:
    return Discrepancy(
        outcome=outcome,
        device_id=record.device_id,
        certificate_arn=record.certificate_arn or "",
        serial_number=record.serial_number or "",
        reason=reason,
    )
