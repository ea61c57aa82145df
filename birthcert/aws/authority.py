"""The tenant's certificate authority: found by its tags or made, and its certificate installed."""

import json
import logging
from typing import Any, Final

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.generations import GONE, asked_for, held_by, issuing_of, tags_for, tags_of
from birthcert.aws.private_ca import SERVICE, authority_facts, authority_gone
from birthcert.aws.waiting import wait_for
from birthcert.errors import AwsCallFailed, ConfigurationError, ResourceConflict
from birthcert.models import (
    TAG_TENANT,
    BootstrapRequest,
    CertificateAuthority,
    IssuerRequest,
    Place,
    Subject,
)
from birthcert.pki import templates
from birthcert.pki.algorithms import DEFAULT_SIGNING
from birthcert.pki.tokens import idempotency_token

log = logging.getLogger(__name__)
# what Private CA makes for each mode; an existing CA is not made
TYPES: Final = {"pca-root": "ROOT", "offline-root": "SUBORDINATE"}
CSR_WAIT_SECONDS: Final = 180.0  # the waiter's 3 s x 60 [5]


def ensure_certificate_authority(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> CertificateAuthority:
    """The tenant's CA in this place: found by its tags, or made; returns when its CSR is there.

    In a rollover it is the successor of the CA that the request names.

    The idempotency token follows from the request, so that a retry inside five minutes makes no
    second one [6]; after that the tags, which are set at creation, find it.
    Raises ResourceConflict where the CA that is there differs from what is asked for.
    """
    held = held_by(aws, request.tenant, place)
    found = asked_for(held, request)
    if found is None:
        tags = tags_for(held, request, place)
        arn = _create(aws, request, place, tags)
        if private_ca.describe(aws, arn)["Status"] in GONE:
            # the token still stands for one that failed or was deleted less than 5 minutes ago
            arn = _create(aws, request, place, tags, instead_of=arn)
        log.info("created certificate authority %s", arn)
    else:
        check_alike(found.description, request)
        arn = found.arn
    described = wait_for(
        lambda: _past_creation(aws, arn), seconds=CSR_WAIT_SECONDS, what=f"the CSR of {arn}"
    )
    authority = authority_facts(described)
    return authority if found is None else authority.found()


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


def _create(
    aws: AwsAccess,
    request: BootstrapRequest,
    place: Place,
    tags: dict[str, str],
    *,
    instead_of: str = "",
) -> str:
    configuration, options = _configuration(request), request.certificate_authority
    answer = aws.call(
        SERVICE,
        "CreateCertificateAuthority",
        CertificateAuthorityConfiguration=configuration,
        CertificateAuthorityType=TYPES[request.authority],
        UsageMode=options.usage_mode,
        KeyStorageSecurityStandard=options.key_storage_security_standard,
        IdempotencyToken=idempotency_token(
            request.tenant,
            place.name,
            "authority",
            TYPES[request.authority],
            options.usage_mode,
            options.key_storage_security_standard,
            json.dumps(configuration, sort_keys=True),
            request.replaced_arn() or "",
            instead_of,
        ),
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    arn: str = answer["CertificateAuthorityArn"]
    return arn


def _configuration(request: BootstrapRequest) -> dict[str, Any]:
    options = request.certificate_authority
    subject = options.subject
    if subject == Subject():
        subject = Subject(common_name=f"{request.tenant} device CA")
    return {
        "KeyAlgorithm": options.key_algorithm,
        "SigningAlgorithm": options.signing_algorithm or DEFAULT_SIGNING[options.key_algorithm],
        "Subject": subject.as_asn1_subject(),
    }


def check_alike(found: dict[str, Any], request: BootstrapRequest) -> None:
    """ResourceConflict where the CA that is there (its description) is not as asked for."""
    is_there = found["CertificateAuthorityConfiguration"]
    wanted = _configuration(request)
    pairs = [(name, is_there.get(name), wanted[name]) for name in wanted]
    pairs.append(("UsageMode", found["UsageMode"], request.certificate_authority.usage_mode))
    pairs.append(("Type", found["Type"], TYPES[request.authority]))
    different = [f"{name} is {here}, not {asked}" for name, here, asked in pairs if here != asked]
    if different:
        raise ResourceConflict(
            f"the tenant's certificate authority {found['Arn']} differs from the request: "
            + "; ".join(different),
            remedy="a CA cannot be changed: ask for what is there, or untag it to make another",
        )


def _past_creation(aws: AwsAccess, arn: str) -> dict[str, Any] | None:
    description = private_ca.describe(aws, arn)
    if description["Status"] == "CREATING":
        return None
    if description["Status"] in GONE:
        reason = description.get("FailureReason", "no reason given")
        raise authority_gone(arn, f"is {description['Status']} ({reason})")
    if description["Status"] == "PENDING_CERTIFICATE":
        private_ca.csr_of(aws, arn)
    return description


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
