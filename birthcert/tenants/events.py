"""Names of the events of Prefect by which our parts speak to each other."""

from typing import Final

MANIFEST_ARRIVED: Final = "birthcert.manifest.arrived"
BATCH_STARTED: Final = "birthcert.batch.started"
BATCH_PROGRESS: Final = "birthcert.batch.progress"
BATCH_DONE: Final = "birthcert.batch.done"
BATCH_FAILED: Final = "birthcert.batch.failed"
BATCH_REFUSED: Final = "birthcert.batch.refused"
QUOTA_NEAR_END: Final = "birthcert.quota.near_end"
AUTHORITY_ENDING: Final = "birthcert.authority.ending"


def resource_of(tenant: str) -> str:
    """The id of the resource that a tenant's events are about."""
    return f"birthcert.tenant.{tenant}"
