"""What ran, and what each batch still lacks: read from Prefect and the ledger, AWS is not asked."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from birthcert.issuance.layout import bundle_at
from birthcert.issuance.output import OutputFolder
from birthcert.ledger.claims import LEASE
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Batch, Record
from birthcert.models import Facts
from birthcert.storage.local import LocalFolder

BatchCondition = Literal["running", "done", "partly", "failed", "interrupted"]
# Between the start of a batch and its first claim, and between two chunks, nobody holds a row.
GRACE: Final[timedelta] = LEASE


class RunStatus(Facts):
    """A flow run; `left behind` is the state of one whose process is gone."""

    id: str
    name: str
    tenant: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None


class BatchStatus(Facts):
    """A batch of `issue`; counts of devices.

    Of the rows that the ledger holds for it, `intended` were not bought yet, `uncertain` may have
    been, `undelivered` were and have no files yet, `failed` were not. `files_missing` had theirs;
    None where the output folder is not on this machine.
    """

    id: int
    tenant: str
    place: str
    manifest: str
    out: str
    state: BatchCondition
    started_at: datetime
    ended_at: datetime | None
    requested: int
    issued: int
    existing: int
    refused: int
    intended: int
    uncertain: int
    undelivered: int
    failed: int
    delivered: int
    files_missing: int | None

    def lacks(self) -> dict[str, int]:
        """What is still to come, without the zeros."""
        names = ("intended", "uncertain", "undelivered", "failed", "files_missing")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def remedy(self) -> str:
        """The commands that get it; empty where nothing is lacking."""
        if not self.lacks() or self.state == "running":
            return ""
        if self.uncertain:
            return "reconcile, then issue again"
        only_files = not self.intended + self.failed
        return "issue again" + (", or reconcile" if only_files else "")


class StatusReport(Facts):
    """The JSON of `birthcert status --json`; `runs_unknown` says why there are no runs."""

    ledger: str
    runs: list[RunStatus]
    runs_unknown: str = ""
    batches: list[BatchStatus]


def batches_status(ledger: Ledger, tenant: str | None, *, now: datetime) -> list[BatchStatus]:
    """Each batch, the newest first, with what it lacks; looks whether its files are there."""
    at_work = ledger.batches_at_work()
    states = ledger.states_of_batches()
    return [
        _status(batch, states.get(batch.id, {}), ledger, at_work=at_work.get(batch.id), now=now)
        for batch in ledger.batches(tenant=tenant)
    ]


def _status(
    batch: Batch, states: Mapping[str, int], ledger: Ledger, *, at_work: bool | None, now: datetime
) -> BatchStatus:
    return BatchStatus(
        id=batch.id,
        tenant=batch.tenant,
        place=batch.place,
        manifest=batch.manifest,
        out=batch.out,
        state=_condition(batch, at_work=at_work, now=now),
        started_at=batch.started_at,
        ended_at=batch.ended_at,
        requested=batch.requested,
        issued=batch.issued,
        existing=batch.existing,
        refused=batch.refused,
        intended=states.get("intended", 0),
        uncertain=states.get("requested", 0),
        undelivered=states.get("issued", 0),
        failed=states.get("failed", 0),
        delivered=states.get("delivered", 0),
        files_missing=_files_missing(batch, ledger) if states.get("delivered") else 0,
    )


def _condition(batch: Batch, *, at_work: bool | None, now: datetime) -> BatchCondition:
    """A batch that nobody ended and nobody works on was interrupted; `at_work` None: no claims."""
    if batch.state != "running" or at_work:
        return batch.state
    is_young = at_work is None and now - batch.started_at < GRACE
    return "running" if is_young else "interrupted"


def _files_missing(batch: Batch, ledger: Ledger) -> int | None:
    if not batch.out or not Path(batch.out).is_dir():
        return None
    delivered = ledger.records(batch_id=batch.id, states=["delivered"])
    folder = LocalFolder(Path(batch.out))
    if bundle := bundle_at(folder):
        there = set(bundle.certificates())
        return sum((each.device_id, each.serial_number) not in there for each in delivered)
    return _count_missing(OutputFolder(folder), delivered)


def _count_missing(out: OutputFolder, delivered: Iterable[Record]) -> int:
    return sum(not out.has_files(record.device_id) for record in delivered)
