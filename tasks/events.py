"""Events of Prefect that automations listen to: what people want to be told of."""

from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.events import emit_event

from birthcert.issuance.progress import BatchProgress
from birthcert.models import CertificateAuthority, IssueReport, IssueRequest, WhereRequest
from birthcert.tenants.events import (
    AUTHORITY_ENDING,
    BATCH_DONE,
    BATCH_FAILED,
    BATCH_PROGRESS,
    BATCH_REFUSED,
    BATCH_STARTED,
    resource_of,
)

# devices' certificates cannot outlive the CA: a successor takes a while to roll out
NOTICE: Final = timedelta(days=90)


def announce_start(request: IssueRequest, total: int) -> None:
    """An event for a batch that begins; a shard is no batch of its own."""
    if request.shard is None:
        _emit(BATCH_STARTED, request.tenant, {"manifest": request.manifest, "devices": total})


def announce_progress(progress: BatchProgress) -> None:
    """An event for a batch that goes on: an automation misses it where one stands still."""
    facts = {"done": progress.done, "seconds_left": progress.seconds_left}
    _emit(BATCH_PROGRESS, progress.tenant, {**progress.model_dump(), **facts})


def announce_failure(request: IssueRequest, error: Exception) -> None:
    """An event for a batch that an error ended."""
    if request.shard is None:
        _emit(BATCH_FAILED, request.tenant, {"manifest": request.manifest, "error": str(error)})


def announce_batch(request: IssueRequest, report: IssueReport) -> None:
    """An event for a batch that is done, and one more where devices are without a certificate."""
    if request.shard is not None:
        return
    counts = report.model_dump(include={"requested", "issued", "existing", "refused", "failed"})
    facts = {**counts, "report": report.report}
    _emit(BATCH_DONE, report.tenant, facts)
    if report.refused or report.failed:
        _emit(BATCH_REFUSED, report.tenant, facts)


def announce_authority(request: WhereRequest, authority: CertificateAuthority) -> None:
    """An event for a CA whose certificate ends within 90 days."""
    ends = datetime.fromisoformat(authority.not_after)
    if ends - datetime.now(UTC) < NOTICE:
        _emit(AUTHORITY_ENDING, request.tenant, {"arn": authority.arn, "ends": authority.not_after})


def _emit(event: str, tenant: str, payload: dict[str, object]) -> None:
    resource = {"prefect.resource.id": resource_of(tenant), "prefect.resource.name": tenant}
    emit_event(event=event, resource=resource, payload=payload)
