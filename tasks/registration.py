"""Steps of the CA's registration with AWS IoT."""

from birthcert.aws import provisioning
from birthcert.aws import registration as registrations
from birthcert.aws.private_ca import active_authority
from birthcert.ledger import records
from birthcert.models import (
    BootstrapRequest,
    CertificateAuthority,
    Place,
    ProvisioningRole,
    ProvisioningTemplate,
    Registration,
    RegistrationCode,
    VerificationCertificate,
    VerifiedRegistration,
)
from tasks.access import aws_in, aws_of, ledger
from tasks.steps import step


@step("get registration code", cached=False)
def get_registration_code(request: BootstrapRequest, place: Place) -> RegistrationCode:
    """The account's and region's code, which the verification certificate must carry."""
    return registrations.get_registration_code(aws_in(place.region, request.account_block))


@step("issue verification certificate")
def issue_verification_certificate(
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    code: RegistrationCode,
) -> VerificationCertificate:
    """The proof that the CA is ours; its key is never written."""
    return registrations.issue_verification_certificate(
        aws_in(place.region, request.account_block),
        authority,
        code,
        request.verification_certificate,
        place,
        issuer=aws_of(authority, request),
    )


@step("register CA certificate")
def register_ca_certificate(
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    verification: VerificationCertificate | None,
) -> Registration:
    """The CA known to AWS IoT: active, with auto-registration."""
    return registrations.register_ca_certificate(
        aws_in(place.region, request.account_block), authority, verification, request, place
    )


@step("verify registration", cached=False)
def verify_registration(
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    registration: Registration,
    template: ProvisioningTemplate,
    role: ProvisioningRole,
) -> VerifiedRegistration:
    """What earlier runs made still stands, and AWS IoT holds what was sent, byte for byte.

    Then the ledger is told of the CA and of this registration.
    """
    aws = aws_in(place.region, request.account_block)
    active_authority(aws_of(authority, request), authority.arn)
    provisioning.verify_named_resources(aws, request, place, role)
    verified = registrations.verify_registration(aws, registration, template.body, role.arn)
    ledger().remember_authority(
        request.tenant,
        authority.home(place),
        authority.arn,
        certificate_pem=authority.certificate_pem,
        known_as=records.Registration(registration.certificate_id, registration.arn),
    )
    return verified
