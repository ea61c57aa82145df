"""What stands of a tenant: asked of AWS, and read from the ledger."""

from datetime import datetime

from birthcert.aws import private_ca, registration
from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import find_certificate_authority
from birthcert.aws.caller import check_caller
from birthcert.errors import BirthcertError
from birthcert.ledger.ledger import Ledger
from birthcert.models import Facts, Place, WhereRequest


class TenantStatus(Facts):
    """A line of `birthcert tenant list`; `bootstrapped` is `yes`, `no` or why AWS did not say."""

    tenant: str
    account: str
    region: str
    bootstrapped: str
    authority_not_after: str = ""
    last_batch: str = ""
    next_run: str = ""
    next_run_at: datetime | None = None


def tenant_status(aws: AwsAccess, where: WhereRequest, ledger: Ledger) -> TenantStatus:
    """The tenant's CA and registration as AWS has them, and its newest batch in this place."""
    try:
        place = check_caller(aws, where).place
        bootstrapped, not_after = _authority(aws, where.tenant, place)
    except BirthcertError as error:
        bootstrapped, not_after = f"unknown: {error.what}", ""
    return TenantStatus(
        tenant=where.tenant,
        account=where.account or "",
        region=aws.region,
        bootstrapped=bootstrapped,
        authority_not_after=not_after,
        last_batch=_last_batch(ledger, where, aws.region),
    )


def _authority(aws: AwsAccess, tenant: str, place: Place) -> tuple[str, str]:
    found = find_certificate_authority(aws, tenant, place)
    if found is None:
        return "no", ""
    if found["Status"] != "ACTIVE":
        return f"no: the CA is {found['Status']}", ""
    authority = private_ca.active_authority(aws, found["Arn"])
    registered = registration.find_registration(aws, authority)
    ready = registered is not None and bool(registered["registrationConfig"])
    return "yes" if ready else "no: the CA is not registered for provisioning", authority.not_after


def _last_batch(ledger: Ledger, where: WhereRequest, region: str) -> str:
    here = Place(partition=where.partition, account=where.account or "", region=region).key
    for batch in ledger.batches(tenant=where.tenant):
        if batch.place.startswith(here):
            certified = batch.issued + batch.existing
            return f"{batch.started_at:%Y-%m-%d %H:%M} {batch.state} {certified}/{batch.requested}"
    return ""
