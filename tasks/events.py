"""Events of Prefect that automations listen to: what people want to be told of."""

from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.events import emit_event

from birthcert import limits
from birthcert.issuance.progress import BatchProgress
from birthcert.models import CertificateAuthority, IssueReport, IssueRequest, WhereRequest
from birthcert.tenants.events import (
    AUTHORITY_ENDING,
    BATCH_DONE,
    BATCH_FAILED,
    BATCH_PROGRESS,
    BATCH_REFUSED,
    BATCH_STARTED,
    QUOTA_NEAR_END,
    resource_of,
)

# devices' certificates cannot outlive the CA: a successor takes a while to roll out
NOTICE: Final = timedelta(days=90)
# an increase takes AWS days, a successor CA takes a rollout
CERTIFICATES_NOTICE: Final = int(0.9 * limits.CERTIFICATES_PER_CA)
# a batch that the quota holds up for so long is worth an increase
RATE_NOTICE_SECONDS: Final = 3_600.0
RATE_NOTICE_USE: Final = 0.9


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


def announce_quotas(request: IssueRequest, report: IssueReport, issued_by_ca: int) -> None:
    """An event for each quota that nears its end.

    The certificates that the CA may issue in its life, from nine tenths on [18]; and calls a
    second, where they held a batch up for an hour or more.
    """
    if request.shard is not None:
        return
    if issued_by_ca >= CERTIFICATES_NOTICE:
        facts = {"used": issued_by_ca, "limit": limits.CERTIFICATES_PER_CA}
        quota = {"quota": "certificates of the CA", "arn": report.authority_arn}
        _emit(QUOTA_NEAR_END, report.tenant, {**quota, **facts})
    for each in report.quota_use if report.seconds >= RATE_NOTICE_SECONDS else ():
        if each.use >= RATE_NOTICE_USE * each.factor:
            _emit(QUOTA_NEAR_END, report.tenant, {"quota": "calls a second", **each.model_dump()})


def announce_authority(request: WhereRequest, authority: CertificateAuthority) -> None:
    """An event for a CA whose certificate ends within 90 days."""
    ends = datetime.fromisoformat(authority.not_after)
    if ends - datetime.now(UTC) < NOTICE:
        _emit(AUTHORITY_ENDING, request.tenant, {"arn": authority.arn, "ends": authority.not_after})


def _emit(event: str, tenant: str, payload: dict[str, object]) -> None:
    resource = {"prefect.resource.id": resource_of(tenant), "prefect.resource.name": tenant}
    emit_event(event=event, resource=resource, payload=payload)
