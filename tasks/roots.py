"""Steps of the owner's root above a CA: looked at before anything is made, then it signs."""

import os
from datetime import UTC, datetime

from birthcert import roots, signing
from birthcert.aws import subordinate
from birthcert.aws.authority import asked_authority, awaits_certificate
from birthcert.models import (
    BootstrapRequest,
    CaCsr,
    CertificateAuthority,
    Place,
    RootCertificate,
    SignedCertificate,
)
from birthcert.pki.roots import Root
from blocks.offline_root import load_offline_root
from tasks.access import aws_in
from tasks.steps import step


@step("check root", cached=False)
def check_root(request: BootstrapRequest, place: Place) -> RootCertificate:
    """The root may sign what is asked for, and its key opens where it is at hand.

    A CA that has its certificate needs its root no more: then it is not looked at.
    """
    aws = aws_in(place.region, request.account_block)
    if not awaits_certificate(asked_authority(aws, request, place)):
        return RootCertificate(arn="", outcome="found")
    return signing.check_root(request, _root_of(request), now=datetime.now(UTC))


@step("get CA CSR", cached=False)
def get_ca_csr(request: BootstrapRequest, place: Place, authority: CertificateAuthority) -> CaCsr:
    """The CSR that the root is to sign; none for a CA that has its certificate."""
    return subordinate.get_ca_csr(aws_in(place.region, request.account_block), authority)


@step("sign CA certificate", cached=False)
def sign_ca_certificate(
    request: BootstrapRequest, place: Place, root: RootCertificate, csr: CaCsr, brought: str
) -> SignedCertificate:
    """The CA's certificate by the root here, or the one that its owner brought, checked."""
    if not csr.csr_pem:
        return SignedCertificate(arn=csr.arn, outcome="found")
    now = datetime.now(UTC)
    if brought:
        return signing.check_brought(request, root, csr, brought, now=now)
    root_here = _root_of(request)
    assert root_here is not None  # else the ceremony has brought a certificate
    return signing.sign_here(request, root_here, csr, now=now)


@step("install CA certificate")
def install_signed_certificate(
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    signed: SignedCertificate,
) -> CertificateAuthority:
    """The signed certificate imported with its chain; ACTIVE."""
    return subordinate.install_signed_certificate(
        aws_in(place.region, request.account_block), authority, signed
    )


def _root_of(request: BootstrapRequest) -> Root | None:
    """The root at hand: the block's, or that of the files which the request names."""
    options = request.offline_root
    if options.block:
        return load_offline_root(options.block).get_root()
    return roots.root_of_options(options, os.environ, now=datetime.now(UTC))
