"""A CA made and registered by the functions of the steps, as the flow calls them."""

from birthcert.aws import authority, registration
from birthcert.aws.access import AwsAccess
from birthcert.models import BootstrapRequest, CertificateAuthority, Place, Registration

REQUEST = BootstrapRequest.model_validate(
    {"tenant": "acme", "tags": {"OWNER": "ajk"},
     "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
)  # fmt: skip


def make_authority(
    aws: AwsAccess, place: Place, request: BootstrapRequest = REQUEST
) -> CertificateAuthority:
    """A CA made and installed as the flow does it."""
    made = authority.ensure_certificate_authority(aws, request, place)
    return authority.install_root_certificate(aws, made, validity_days=3650, place=place)


def register(aws: AwsAccess, place: Place, ready: CertificateAuthority) -> Registration:
    """The CA registered as the flow does it."""
    code = registration.get_registration_code(aws)
    options = REQUEST.verification_certificate
    proof = registration.issue_verification_certificate(aws, ready, code, options, place)
    return registration.register_ca_certificate(aws, ready, proof, REQUEST, place)
