"""Steps of a ROOT Private CA above the one that issues, perhaps in another account."""

from birthcert.aws import hierarchy
from birthcert.aws.access import AwsAccess
from birthcert.aws.caller import check_caller
from birthcert.models import (
    BootstrapRequest,
    CaCsr,
    CertificateAuthority,
    Place,
    RootAuthority,
    SignedCertificate,
    WhereRequest,
)
from tasks.access import aws_in
from tasks.steps import step
from tasks.walls import check_pin


@step("create root authority")
def create_root_authority(request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """The ROOT CA that signs the issuing one; found by its tags, it may be DISABLED."""
    aws = _root_access(request, place)
    where = WhereRequest(tenant=request.tenant, partition=place.partition)
    check_pin(check_caller(aws, where).place)
    return hierarchy.ensure_root_authority(aws, request, place)


@step("sign by root authority", cached=False)
def sign_by_root_authority(
    request: BootstrapRequest, place: Place, root: CertificateAuthority, csr: CaCsr
) -> SignedCertificate:
    """The issuing CA's certificate; a root that is DISABLED is enabled for it."""
    aws = aws_in(place.region, request.account_block)
    return hierarchy.sign_by_root(aws, _root_access(request, place), root, csr, request, place)


@step("disable root authority")
def disable_root_authority(
    request: BootstrapRequest, place: Place, root: CertificateAuthority, below: CertificateAuthority
) -> RootAuthority:
    """Once the CA `below` it has its certificate, the root signs no more."""
    return hierarchy.disable_root(_root_access(request, place), root)


def _root_access(request: BootstrapRequest, place: Place) -> AwsAccess:
    return aws_in(place.region, request.pca_root.account_block or request.account_block)
