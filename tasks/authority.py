"""Steps of the certificate authority: made or found, and its certificate installed."""

from birthcert.aws import authority as authorities
from birthcert.aws import registration as registrations
from birthcert.aws.existing import adopt_authority
from birthcert.models import (
    BootstrapRequest,
    CertificateAuthority,
    IssuerRequest,
    IssuingAuthority,
    Place,
)
from birthcert.preflight import check_batch
from tasks.access import aws_in
from tasks.events import announce_authority
from tasks.metrics import count_authority
from tasks.steps import step


@step("create certificate authority")
def create_certificate_authority(request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """A ROOT or SUBORDINATE CA in Private CA, waiting for its certificate."""
    return authorities.ensure_certificate_authority(
        aws_in(place.region, request.account_block), request, place
    )


@step("install CA certificate")
def install_ca_certificate(
    request: BootstrapRequest, place: Place, authority: CertificateAuthority
) -> CertificateAuthority:
    """The CA's own certificate, issued on its own CSR; ACTIVE."""
    return authorities.install_root_certificate(
        aws_in(place.region, request.account_block),
        authority,
        validity_days=request.certificate_authority.validity_days,
        place=place,
    )


@step("adopt certificate authority", cached=False)
def adopt_certificate_authority(request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """A CA that someone made, found good for the tenant's devices; nothing of it is changed."""
    return adopt_authority(aws_in(place.region, request.account_block), request, place)


@step("find issuing authority", cached=False)
def find_issuing_authority(request: IssuerRequest, place: Place) -> IssuingAuthority:
    """The CA that issues to the tenant's devices; it must be ACTIVE."""
    aws = aws_in(place.region, request.account_block)
    authority = authorities.issuing_authority(aws, request, place)
    check_batch(request, authority)
    announce_authority(request, authority)
    count_authority(request, place, authority)
    return registrations.with_template(aws, authority)
