"""A batch from its request: rows checked, cut into chunks, counted, reported."""

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from birthcert.errors import ConfigurationError
from birthcert.garbage import collect_rarely
from birthcert.issuance.checks import check_rows
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.issuance.output import OutputFolder, write_report
from birthcert.issuance.reading import READ_EACH, Reader
from birthcert.issuance.testkeys import generate_device_keys, rehearse_device_keys
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import BatchState, Refusal
from birthcert.models import (
    CertificateAuthority,
    IssueReport,
    IssueRequest,
    ManifestOptions,
    Place,
    QuotaUse,
)
from birthcert.passphrase import read_passphrase
from birthcert.storage.address import is_s3
from birthcert.storage.stores import LOCAL, Storage, absolute

Item = TypeVar("Item")
REFUSALS_SHOWN: Final = 50
REFUSALS_TOGETHER: Final = 500
BUYING: Final = "acm-pca.IssueCertificate"
# (calls of other processes by action, seconds) -> how much of AWS's quotas was used
QuotaUseOf = Callable[[Mapping[str, int], float], tuple[QuotaUse, ...]]
COUNTS: Final = ("issued", "existing", "refused", "failed")
# how often the ledger is told of a batch that goes on
NOTE_SECONDS: Final = 5.0


def _untold(_counts: Mapping[str, int]) -> None:
    """Nobody is told."""


def _no_quotas(_calls: Mapping[str, int], _seconds: float) -> tuple[QuotaUse, ...]:
    return ()


def checked_rows(
    request: IssueRequest,
    provisioning_template: str | None = None,
    *,
    rehearse: bool = False,
    places: Collection[str] = (),
    read: Reader = READ_EACH,
    storage: Storage = LOCAL,
) -> Iterator[Device | DeviceOutcome]:
    """Each row of the manifest as a device to certify, or as a refusal that says why.

    Raises UnusableInput at the call for a manifest that cannot be used as a whole, and
    ConfigurationError for a passphrase that is needed and missing. `rehearse` writes no keys;
    `places` are those that a row may name; `read` reads the CSRs.
    """
    shard = request.shard
    rows = read_manifest(
        request.manifest,
        csr_required=request.generate_keys is None,
        first=shard.first if shard else 1,
        last=shard.last if shard else None,
        storage=storage,
        helper=read.helper,
    )
    if request.generate_keys is not None:
        rows = rehearse_device_keys(rows) if rehearse else _with_keys(rows, request)
    return check_rows(
        rows,
        folder=storage.file(request.manifest)[0],
        subject_mode=request.subject,
        provisioning_template=provisioning_template,
        repeated=shard.repeated if shard else {},
        places=places,
        read=read,
    )


def _with_keys(rows: Iterator[ManifestRow], request: IssueRequest) -> Iterator[ManifestRow]:
    assert request.generate_keys is not None
    return generate_device_keys(
        rows,
        folder=Path(request.out),
        algorithm=request.generate_keys,
        passphrase=key_passphrase(request),
    )


def key_passphrase(request: ManifestOptions) -> bytes:
    """What encrypts the keys that are made here; ConfigurationError where they cannot be."""
    if is_s3(request.out):
        raise ConfigurationError(
            f"private keys are made in a folder of this machine alone, not in {request.out}",
            remedy="name a local output folder, or give the devices' own CSRs",
        )
    return read_passphrase(request.key_passphrase_file, os.environ)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def manifest_label(request: IssueRequest) -> str:
    """The manifest as the ledger's batches name it: a shard's has its rows after it."""
    path = absolute(request.manifest)
    return f"{path}#{request.shard.label}" if request.shard else path


class Batch:
    """One run of `issue` in the ledger: open inside `with`, closed with its counts after it.

    `count` is told the outcome of each device.
    """

    def __init__(
        self,
        request: IssueRequest,
        place: Place,
        authority: CertificateAuthority,
        *,
        ledger: Ledger,
        out: OutputFolder,
        count: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self._count = count
        self._request, self._place, self._authority = request, place, authority
        self._ledger, self._out = ledger, out
        self._started = time.monotonic()
        self.counts = dict.fromkeys(COUNTS, 0)
        self.without_certificate: list[tuple[str, str]] = []
        self.id = 0
        self.tell: Callable[[Mapping[str, int]], None] = _untold
        self._note_at = self._started
        # of other processes that worked for this batch: calls by action, and those throttled
        self.calls: Counter[str] = Counter()
        self.throttled = 0

    def __enter__(self) -> Self:
        collect_rarely()
        self.id = self._ledger.begin_batch(
            self._request.tenant,
            self._place,
            self._authority.arn,
            manifest=manifest_label(self._request),
            out=self._out.address,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        state: BatchState = "interrupted" if kind else "done"
        if not kind and self.counts["refused"] + self.counts["failed"]:
            state = "partly"
        self._ledger.end_batch(self.id, state, self._totals())

    def record(self, outcomes: Iterable[DeviceOutcome]) -> None:
        """Write report.csv from the outcomes as they come, and count them; then the index."""
        counted = self._refusals_recorded(self._counted(outcomes))
        write_report(self._out.folder, counted, self._out.report_name)
        self._out.finish()
        self.tell(self.counts)

    def follow(self, counts: Mapping[str, int]) -> None:
        """What others have done for this batch so far, for those who follow it."""
        self.tell(counts)
        self._ledger.note_batch(self.id, {"requested": sum(counts.values()), **counts})

    def add(self, shard: IssueReport) -> None:
        """The calls of another process that worked for this batch."""
        self.calls.update({each.action: each.calls for each in shard.quota_use})
        self.throttled += shard.throttled

    def say(self) -> None:
        """Tell how far it is, after each chunk: outcomes come in bursts, and count when all came.

        The ledger is told now and then.
        """
        self.tell(self.counts)
        now = time.monotonic()
        if now >= self._note_at:
            self._note_at = now + NOTE_SECONDS
            self._ledger.note_batch(self.id, self._totals())

    def report(self, *, throttled: int, quota_use: QuotaUseOf = _no_quotas) -> IssueReport:
        """The batch's facts; `throttled` counts its calls in this process that AWS throttled."""
        seconds = time.monotonic() - self._started
        used = quota_use(self.calls, seconds)
        limits = [each.limit_per_second for each in used if each.action == BUYING]
        report = IssueReport(
            tenant=self._request.tenant,
            account=self._place.account,
            region=self._place.region,
            authority_arn=self._authority.arn,
            **self._totals(),
            seconds=round(seconds, 3),
            certificates_per_second=round(self.counts["issued"] / max(seconds, 1e-9), 2),
            throttled=throttled + self.throttled,
            report=self._out.report,
            out=self._out.address,
            rate_limit_per_second=next(iter(limits), None),
            quota_use=used,
        )
        self._out.write_summary(report)
        return report

    def _counted(self, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        for outcome in outcomes:
            self.counts[outcome.outcome] += 1
            self._count(outcome.outcome)
            if outcome.reason and len(self.without_certificate) < REFUSALS_SHOWN:
                self.without_certificate.append((outcome.device_id, outcome.reason))
            yield outcome

    def _refusals_recorded(self, outcomes: Iterable[DeviceOutcome]) -> Iterator[DeviceOutcome]:
        """The outcomes; the ledger has the refusals by groups, so that memory holds one."""
        group: list[Refusal] = []
        for outcome in outcomes:
            if outcome.outcome == "refused":
                group.append(Refusal(outcome.device_id, outcome.reason))
            if len(group) == REFUSALS_TOGETHER:
                self._ledger.record_refused(self.id, group)
                group = []
            yield outcome
        if group:
            self._ledger.record_refused(self.id, group)

    def _totals(self) -> dict[str, int]:
        return {"requested": sum(self.counts.values()), **self.counts}
