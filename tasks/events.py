"""Events of Prefect that automations listen to: what people want to be told of."""

from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.events import emit_event

from birthcert.models import CertificateAuthority, IssueReport, WhereRequest
from birthcert.tenants.events import AUTHORITY_ENDING, BATCH_REFUSED, resource_of

# devices' certificates cannot outlive the CA: a successor takes a while to roll out
NOTICE: Final = timedelta(days=90)


def announce_batch(report: IssueReport) -> None:
    """An event for a batch that left devices without a certificate; none for a clean one."""
    if report.refused or report.failed:
        counts = report.model_dump(include={"requested", "issued", "existing", "refused", "failed"})
        _emit(BATCH_REFUSED, report.tenant, {**counts, "report": report.report})


def announce_authority(request: WhereRequest, authority: CertificateAuthority) -> None:
    """An event for a CA whose certificate ends within 90 days."""
    ends = datetime.fromisoformat(authority.not_after)
    if ends - datetime.now(UTC) < NOTICE:
        _emit(AUTHORITY_ENDING, request.tenant, {"arn": authority.arn, "ends": authority.not_after})


def _emit(event: str, tenant: str, payload: dict[str, object]) -> None:
    resource = {"prefect.resource.id": resource_of(tenant), "prefect.resource.name": tenant}
    emit_event(event=event, resource=resource, payload=payload)
