"""Steps of the CA's registration with AWS IoT."""

from birthcert.aws import registration as registrations
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
from tasks.access import aws_in
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
    )


@step("register CA certificate")
def register_ca_certificate(
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    verification: VerificationCertificate,
) -> Registration:
    """The CA known to AWS IoT: active, with auto-registration."""
    return registrations.register_ca_certificate(
        aws_in(place.region, request.account_block), authority, verification, request, place
    )


@step("verify registration", cached=False)
def verify_registration(
    request: BootstrapRequest,
    place: Place,
    registration: Registration,
    template: ProvisioningTemplate,
    role: ProvisioningRole,
) -> VerifiedRegistration:
    """What AWS IoT holds is what was sent, byte for byte."""
    return registrations.verify_registration(
        aws_in(place.region, request.account_block), registration, template.body, role.arn
    )
