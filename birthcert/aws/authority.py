"""The tenant's certificate authority: found by its tags or made, and its certificate installed."""

import logging
from typing import Any, Final, Literal

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.creation import Wanted, check_alike, create, wait_for_csr
from birthcert.aws.generations import asked_for, held_by, issuing_of, tags_for, tags_of
from birthcert.aws.private_ca import authority_facts
from birthcert.errors import AwsCallFailed, ConfigurationError
from birthcert.models import (
    TAG_TENANT,
    BootstrapRequest,
    CertificateAuthority,
    IssuerRequest,
    Place,
)
from birthcert.pki import templates
from birthcert.pki.tokens import idempotency_token

log = logging.getLogger(__name__)
# what Private CA makes for each mode; an existing CA is not made
TYPES: Final[dict[str, Literal["ROOT", "SUBORDINATE"]]] = {
    "pca-root": "ROOT",
    "offline-root": "SUBORDINATE",
    "pca-hierarchy": "SUBORDINATE",
}


def ensure_certificate_authority(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> CertificateAuthority:
    """The tenant's CA in this place: found by its tags, or made; returns when its CSR is there.

    In a rollover it is the successor of the CA that the request names.
    Raises ResourceConflict where the CA that is there differs from what is asked for.
    """
    held, wanted = held_by(aws, request.tenant, place), wanted_by(request)
    found = asked_for(held, request)
    if found is not None:
        check_alike(found.description, wanted)
        return authority_facts(wait_for_csr(aws, found.arn)).found()
    tags, replaced = tags_for(held, request, place), request.replaced_arn() or ""
    arn = create(aws, wanted, tags, request.tenant, place.name, "authority", replaced)
    return authority_facts(wait_for_csr(aws, arn))


def wanted_by(request: BootstrapRequest) -> Wanted:
    """The CA that issues to devices, as the request has it."""
    options = request.certificate_authority
    return Wanted(
        kind=TYPES[request.authority],
        name=f"{request.tenant} device CA",
        subject=options.subject,
        key_algorithm=options.key_algorithm,
        signing_algorithm=options.signing_algorithm,
        usage_mode=options.usage_mode,
        key_storage_security_standard=options.key_storage_security_standard,
    )


def awaits_certificate(found: dict[str, Any] | None) -> bool:
    """Whether a CA is still to be made, or to get its certificate; `found` is its description."""
    return found is None or found["Status"] in ("CREATING", "PENDING_CERTIFICATE")


def asked_authority(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> dict[str, Any] | None:
    """The description of the CA that the request is about, where it is there already."""
    found = asked_for(held_by(aws, request.tenant, place), request)
    return found.description if found else None


def find_certificate_authority(aws: AwsAccess, tenant: str, place: Place) -> dict[str, Any] | None:
    """The description of the CA that issues to the tenant in this place; None without one."""
    found = issuing_of(held_by(aws, tenant, place))
    return found.description if found else None


def install_root_certificate(
    aws: AwsAccess, authority: CertificateAuthority, *, validity_days: int, place: Place
) -> CertificateAuthority:
    """The ROOT CA's own certificate, issued on its own CSR and imported [2]; ACTIVE on return."""
    description = private_ca.describe(aws, authority.arn)
    if description["Status"] == "PENDING_CERTIFICATE":
        _install(aws, authority, validity_days, place)
        log.info("installed the certificate of %s", authority.arn)
        return private_ca.active_authority(aws, authority.arn)
    return private_ca.active_authority(aws, authority.arn).found()


def issuing_authority(aws: AwsAccess, request: IssuerRequest, place: Place) -> CertificateAuthority:
    """The ACTIVE CA that issues to the tenant's devices: the one named, or found by its tags."""
    if request.authority_arn:
        return private_ca.active_authority(aws, request.authority_arn).found()
    found = find_certificate_authority(aws, request.tenant, place)
    if found is None:
        raise ConfigurationError(
            f"tenant {request.tenant} has no certificate authority in {place.name}",
            remedy=f"run: birthcert bootstrap --tenant {request.tenant}; an existing CA that was "
            "adopted is named by its ARN: --authority-arn",
        )
    return private_ca.active_authority(aws, found["Arn"]).found()


def tenant_of(aws: AwsAccess, arn: str) -> str | None:
    """Whose a CA is by its tag; None where it has none, or is not there to be asked."""
    try:
        return tags_of(aws, arn).get(TAG_TENANT)
    except AwsCallFailed as error:
        if error.code in ("ResourceNotFoundException", "InvalidStateException"):
            return None
        raise


def _install(
    aws: AwsAccess, authority: CertificateAuthority, validity_days: int, place: Place
) -> None:
    certificate_arn = private_ca.issue(
        aws,
        authority,
        private_ca.csr_of(aws, authority.arn),
        template=templates.ROOT_CA_TEMPLATE,
        partition=place.partition,
        validity={"Type": "DAYS", "Value": validity_days},
        token=idempotency_token(authority.arn, "root certificate", str(validity_days)),
    )
    issued = private_ca.wait_for_certificate(aws, authority.arn, certificate_arn)
    private_ca.import_certificate(aws, authority.arn, issued.certificate_pem)
