"""The tenant's certificate authority, ACTIVE, in each of the ways in which trust may start."""

from collections.abc import Callable
from typing import Final

from birthcert.models import AuthorityMode, BootstrapRequest, CertificateAuthority, Place
from flows.ceremony import certificate_from_ceremony
from flows.runbook import Runbook
from tasks.authority import (
    adopt_certificate_authority,
    create_certificate_authority,
    install_ca_certificate,
)
from tasks.hierarchy import (
    create_root_authority,
    disable_root_authority,
    sign_by_root_authority,
)
from tasks.roots import check_root, get_ca_csr, install_signed_certificate, sign_ca_certificate

Way = Callable[[Runbook, BootstrapRequest, Place], CertificateAuthority]


def certificate_authority(
    run: Runbook, request: BootstrapRequest, place: Place
) -> CertificateAuthority:
    """The CA by the request's mode."""
    return WAYS[request.authority](run, request, place)


def pca_root(run: Runbook, request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """A ROOT CA in Private CA signs its own certificate."""
    authority = run(create_certificate_authority, request, place)
    return run(install_ca_certificate, request, place, authority)


def pca_hierarchy(run: Runbook, request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """A ROOT CA in Private CA signs a SUBORDINATE one, and is disabled."""
    root = run(create_root_authority, request, place)
    authority = run(create_certificate_authority, request, place)
    csr = run(get_ca_csr, request, place, authority)
    signed = run(sign_by_root_authority, request, place, root, csr)
    authority = run(install_signed_certificate, request, place, authority, signed)
    run(disable_root_authority, request, place, root, authority)
    return authority.model_copy(update={"root_arn": root.arn})


def offline_root(run: Runbook, request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """The owner's root signs a SUBORDINATE CA's CSR: here, or elsewhere while the run waits."""
    root = run(check_root, request, place)
    authority = run(create_certificate_authority, request, place)
    csr = run(get_ca_csr, request, place, authority)
    brought = certificate_from_ceremony(request, place, root, csr)
    signed = run(sign_ca_certificate, request, place, root, csr, brought)
    return run(install_signed_certificate, request, place, authority, signed)


def existing(run: Runbook, request: BootstrapRequest, place: Place) -> CertificateAuthority:
    """A CA that is there already, whoever made it: checked and used, never altered."""
    return run(adopt_certificate_authority, request, place)


WAYS: Final[dict[AuthorityMode, Way]] = {
    "pca-root": pca_root,
    "pca-hierarchy": pca_hierarchy,
    "offline-root": offline_root,
    "existing": existing,
}
