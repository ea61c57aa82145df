"""How far a batch is, for those who look at the run: a progress artifact, events, the terminal.

Fed by the batch's outcomes. A server that cannot be told stops no batch.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import httpx
from prefect.artifacts import create_markdown_artifact, create_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate

from birthcert.issuance.batch import Batch
from birthcert.issuance.manifest import count_rows
from birthcert.issuance.progress import BatchProgress, Pace, follower
from birthcert.models import IssueReport, IssueRequest, Place
from birthcert.reports import issue_markdown, page_key, progress_markdown
from tasks.access import aws_in, ledger, storage_for
from tasks.events import (
    announce_batch,
    announce_failure,
    announce_progress,
    announce_quotas,
    announce_start,
)

ARTIFACT_SECONDS: Final = 5.0
EVENT_SECONDS: Final = 60.0
log = logging.getLogger("birthcert.progress")


@contextmanager
def told(request: IssueRequest, place: Place, batch: Batch) -> Iterator[None]:
    """Inside, the batch's run shows how far it is; its start and its failure are events.

    Its calls are counted from here on.
    """
    aws_in(place.region, request.account_block).count_anew()
    total = _total(request, place)
    announce_start(request, total)
    with get_client(sync_client=True) as client:
        batch.tell = _Teller(request, place, total, client)
        try:
            yield
        except Exception as error:
            announce_failure(request, error)
            raise


def reported(request: IssueRequest, place: Place, batch: Batch) -> IssueReport:
    """The report of a batch that has ended, as an event and as a page of the run too."""
    aws = aws_in(place.region, request.account_block)
    report = batch.report(throttled=aws.throttled, quota_use=aws.quota_use)
    announce_batch(request, report)
    announce_quotas(request, report, ledger().count_bought(place).get(report.authority_arn, 0))
    create_markdown_artifact(
        key=page_key("issue", request.tenant, place),
        markdown=issue_markdown(report, batch.without_certificate),
    )
    return report


def _total(request: IssueRequest, place: Place) -> int:
    if request.shard:
        return request.shard.devices
    return count_rows(
        request.manifest,
        csr_required=request.generate_keys is None,
        storage=storage_for(request, place),
    )


class _Teller:
    """Takes the batch's counts and tells each listener as often as is good for it."""

    def __init__(
        self, request: IssueRequest, place: Place, total: int, client: SyncPrefectClient
    ) -> None:
        self._tenant, self._total, self._client = request.tenant, total, client
        self._aws = aws_in(place.region, request.account_block)
        kind = "shard" if request.shard else "progress"
        self._key = page_key(kind, request.tenant, place)
        self._is_shard = request.shard is not None
        now = time.monotonic()
        self._pace = Pace(now)
        self._done = 0
        self._artifact: UUID | None = None
        self._artifact_at, self._event_at = now, now + EVENT_SECONDS

    def __call__(self, counts: Mapping[str, int]) -> None:
        if sum(counts.values()) < self._done:
            return  # the shards' reports are read once more from their start
        self._done = sum(counts.values())
        now = time.monotonic()
        progress = self._pace.progress(
            counts,
            tenant=self._tenant,
            total=self._total,
            throttled=self._aws.throttled,
            now=now,
        )
        follower.get()(progress)
        if self._worth_showing(progress, now):
            self._artifact_at = now + ARTIFACT_SECONDS
            self._show(progress)
        if now >= self._event_at and not self._is_shard:
            self._event_at = now + EVENT_SECONDS
            announce_progress(progress)

    def _worth_showing(self, progress: BatchProgress, now: float) -> bool:
        """Now and then, and at the end; but a batch that ends at its first telling has a report."""
        if progress.done == self._total:
            return self._artifact is not None
        return now >= self._artifact_at

    def _show(self, progress: BatchProgress) -> None:
        text = progress_markdown(progress)
        try:
            if self._artifact is None:
                made: Any = create_progress_artifact(progress.percent, self._key, text)
                self._artifact = made
            else:
                update = ArtifactUpdate(data=progress.percent, description=text)
                self._client.update_artifact(self._artifact, update)
        except httpx.HTTPError as error:
            log.warning("the progress cannot be shown on the run's page: %s", error)
