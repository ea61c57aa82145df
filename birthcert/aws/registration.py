"""The CA registered with AWS IoT: registration code, verification certificate, registration."""

import logging
from datetime import UTC, datetime
from typing import Any, Final

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, ResourceConflict, ResourceGone
from birthcert.models import (
    TAG_TENANT,
    BootstrapRequest,
    CertificateAuthority,
    IssuingAuthority,
    Place,
    Registration,
    RegistrationCode,
    Subject,
    VerificationCertificate,
    VerificationOptions,
    VerifiedRegistration,
)
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.certificates import certificate_id, load_certificate
from birthcert.pki.csr import build_csr
from birthcert.pki.tokens import idempotency_token
from birthcert.pki.validity import validity_for

log = logging.getLogger(__name__)
SERVICE: Final = "iot"
# AWS keeps no trace of which certificate proved the CA: the registration's tag remembers it
TAG_VERIFICATION: Final = "birthcert:verification-certificate"


def get_registration_code(aws: AwsAccess) -> RegistrationCode:
    """The account's and region's registration code; AWS makes it at the first call [20]."""
    code = aws.call(SERVICE, "GetRegistrationCode")["registrationCode"]
    return RegistrationCode(arn="", code=code, outcome="found")


def issue_verification_certificate(
    aws: AwsAccess,
    authority: CertificateAuthority,
    code: RegistrationCode,
    options: VerificationOptions,
    place: Place,
    *,
    issuer: AwsAccess | None = None,
) -> VerificationCertificate:
    """The certificate with CN = the code, signed by the CA [22]; its key is made and dropped here.

    `issuer` is the way to the CA where that is in another account or region than `aws`.
    A CA that is registered already needs none: then nothing is issued and the PEM is empty.
    """
    description = find_registration(aws, authority)
    if description is not None:
        arn = _tags(aws, description["certificateArn"]).get(TAG_VERIFICATION, "")
        return VerificationCertificate(arn=arn, outcome="found")
    csr_pem = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=code.code))
    issuer = issuer or aws
    arn = private_ca.issue(
        issuer,
        authority,
        csr_pem,
        template=options.template,
        partition=place.partition,
        validity=dict(
            validity_for(
                datetime.now(UTC),
                options.validity_days,
                datetime.fromisoformat(authority.not_after),
            )
        ),
        token=idempotency_token(authority.arn, "verification", code.code, options.template),
        just_imported=True,
    )
    issued = private_ca.wait_for_certificate(issuer, authority.arn, arn)
    log.info("issued the verification certificate %s", arn)
    return VerificationCertificate(arn=arn, certificate_pem=issued.certificate_pem)


def register_ca_certificate(
    aws: AwsAccess,
    authority: CertificateAuthority,
    verification: VerificationCertificate | None,
    request: BootstrapRequest,
    place: Place,
) -> Registration:
    """The CA's own certificate [23] registered, active, with auto-registration.

    `verification` is the proof that the mode DEFAULT asks for; None in SNI_ONLY [21]. One that
    is registered already is adopted after comparing: another tenant's, or one of the other mode,
    is a ResourceConflict, an inactive one is activated.
    """
    description = find_registration(aws, authority)
    if description is not None:
        return _adopt(aws, description, request)
    tags = request.all_tags(place)
    proof: dict[str, Any] = {}
    if verification is not None:
        proof = _proof(verification, authority)
        tags[TAG_VERIFICATION] = verification.arn
    try:
        answer = aws.call(
            SERVICE,
            "RegisterCACertificate",
            caCertificate=authority.certificate_pem,
            certificateMode=request.registration_mode,
            setAsActive=True,
            allowAutoRegistration=True,
            tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **proof,
        )
    except AwsCallFailed as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
        # an earlier try whose answer was lost, or someone at the same time
        _refuse_another_accounts(error, place)
        return _adopt(aws, describe_registration(aws, error.resource_id), request)
    log.info("registered CA certificate %s", answer["certificateArn"])
    return Registration(
        arn=answer["certificateArn"],
        certificate_id=answer["certificateId"],
        verification_certificate_arn=verification.arn if verification else "",
        mode=request.registration_mode,
    )


def _proof(
    verification: VerificationCertificate, authority: CertificateAuthority
) -> dict[str, Any]:
    if not verification.certificate_pem:
        raise ResourceGone(
            f"the registration of {authority.arn} is not there any more",
            remedy="run bootstrap with --refresh: it registers the CA again",
        )
    return {"verificationCertificate": verification.certificate_pem}


def _refuse_another_accounts(error: AwsCallFailed, place: Place) -> None:
    if error.resource_arn and f":{place.account}:" not in error.resource_arn:
        raise ResourceConflict(
            f"the CA is registered by another account already: {error.resource_arn}",
            remedy="in DEFAULT mode one account of a region may register a CA: "
            "register it in SNI_ONLY mode here, or use another CA",
        ) from error


def find_registration(aws: AwsAccess, authority: CertificateAuthority) -> dict[str, Any] | None:
    """The description of the CA's registration, by its certificate's fingerprint; None if none."""
    certificate = load_certificate(authority.certificate_pem.encode())
    return _describe(aws, certificate_id(certificate))


def verification_arn(aws: AwsAccess, authority: CertificateAuthority) -> str:
    """The certificate that proved the CA, as the registration's tag tells; empty if it is not."""
    description = find_registration(aws, authority)
    if description is None:
        return ""
    return _tags(aws, description["certificateArn"]).get(TAG_VERIFICATION, "")


def with_template(aws: AwsAccess, authority: CertificateAuthority) -> IssuingAuthority:
    """The CA with the template that its registration has: what its devices will be held to."""
    description = find_registration(aws, authority)
    if description is None:
        log.warning("%s is not registered with AWS IoT: its devices cannot connect", authority.arn)
    config = description["registrationConfig"] if description else {}
    return IssuingAuthority(**authority.model_dump(), template_body=config.get("templateBody", ""))


def describe_registration(aws: AwsAccess, certificate_id_: str) -> dict[str, Any]:
    """DescribeCACertificate's description with `registrationConfig`; ResourceGone if absent."""
    description = _describe(aws, certificate_id_)
    if description is None:
        raise ResourceGone(
            f"CA certificate {certificate_id_} is not registered with AWS IoT any more",
            remedy="run bootstrap with --refresh: it registers the CA again",
        )
    return description


def verify_registration(
    aws: AwsAccess, registration: Registration, template_body: str, role_arn: str
) -> VerifiedRegistration:
    """What AWS IoT holds is what was sent, byte for byte; ResourceConflict where it differs."""
    description = describe_registration(aws, registration.certificate_id)
    config = description["registrationConfig"]
    expected = {
        "status": (description["status"], "ACTIVE"),
        "auto-registration": (description["autoRegistrationStatus"], "ENABLE"),
        "template body": (config.get("templateBody"), template_body),
        "role": (config.get("roleArn"), role_arn),
    }
    wrong = [name for name, (actual, wanted) in expected.items() if actual != wanted]
    if wrong:
        raise ResourceConflict(
            f"registration {registration.certificate_id} is not as it was set: "
            f"{', '.join(wrong)} differ",
            remedy="someone changed it meanwhile, or run bootstrap with --refresh",
        )
    return VerifiedRegistration(
        arn=registration.arn,
        outcome="found",
        status=description["status"],
        auto_registration=description["autoRegistrationStatus"],
    )


def _describe(aws: AwsAccess, certificate_id_: str) -> dict[str, Any] | None:
    try:
        answer = aws.call(SERVICE, "DescribeCACertificate", certificateId=certificate_id_)
    except AwsCallFailed as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    return {
        **answer["certificateDescription"],
        "registrationConfig": answer.get("registrationConfig") or {},
    }


def _adopt(aws: AwsAccess, description: dict[str, Any], request: BootstrapRequest) -> Registration:
    arn, tenant, mode = description["certificateArn"], request.tenant, request.registration_mode
    tags, is_mode = _tags(aws, arn), description.get("certificateMode", "DEFAULT")
    if tags.get(TAG_TENANT, tenant) != tenant:
        raise ResourceConflict(
            f"CA certificate {arn} is registered for tenant {tags[TAG_TENANT]}, not {tenant}",
            remedy="a CA belongs to one tenant: check the request's tenant",
        )
    if is_mode != mode:
        raise ResourceConflict(
            f"CA certificate {arn} is registered in {is_mode} mode, not in {mode} [21]",
            remedy=f"AWS cannot change that: ask for {is_mode}, "
            "or set the registration INACTIVE and delete it, and run again with --refresh",
        )
    changes: dict[str, Any] = {}
    if description["status"] != "ACTIVE":
        changes["newStatus"] = "ACTIVE"
    if description["autoRegistrationStatus"] != "ENABLE":
        changes["newAutoRegistrationStatus"] = "ENABLE"
    if changes:
        log.warning("registration %s was not ready for devices: setting %s", arn, changes)
        aws.call(
            SERVICE,
            "UpdateCACertificate",
            certificateId=description["certificateId"],
            **changes,
        )
    return Registration(
        arn=arn,
        certificate_id=description["certificateId"],
        verification_certificate_arn=tags.get(TAG_VERIFICATION, ""),
        mode=mode,
        outcome="found",
    )


def _tags(aws: AwsAccess, arn: str) -> dict[str, str]:
    tags = aws.pages(SERVICE, "ListTagsForResource", "tags", resourceArn=arn)
    return {tag["Key"]: tag.get("Value", "") for tag in tags}
