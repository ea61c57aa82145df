"""What a CA may have below it and until when, by the certificates of its chain [rules 3, 7, 24]."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509

from birthcert import limits
from birthcert.errors import ConfigurationError
from birthcert.pki.algorithms import HASHES
from birthcert.pki.templates import template_arn, template_of

GOOD_HASHES: Final = frozenset(kind().name for kind in HASHES.values())


def path_length_below(path: Sequence[x509.Certificate]) -> int | None:
    """How many CAs may stand below the first certificate, its issuer next; None: any number.

    Below 0: it may not even issue device certificates, because a CA above it forbids it.
    """
    allowed = [
        length - position
        for position, each in enumerate(path)
        if (length := basic_constraints(each).path_length) is not None
    ]
    return min(allowed, default=None)


def first_end(path: Sequence[x509.Certificate]) -> datetime:
    """When the first certificate of the path ends: nothing below it is good for longer."""
    return min(each.not_valid_after_utc for each in path)


def basic_constraints(certificate: x509.Certificate) -> x509.BasicConstraints:
    """The BasicConstraints; CA:FALSE where there are none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return x509.BasicConstraints(ca=False, path_length=None)


def is_critical_ca(certificate: x509.Certificate) -> bool:
    """Whether BasicConstraints are there, critical and CA:TRUE, as an import wants it [3]."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.critical and found.value.ca


def signature_problem(certificate: x509.Certificate) -> str | None:
    """Why AWS IoT takes no certificate with this signature, or None [9, 24]."""
    if certificate.signature_algorithm_oid == x509.SignatureAlgorithmOID.RSASSA_PSS:
        return "is signed with RSA-PSS"
    digest = certificate.signature_hash_algorithm
    name = digest.name if digest else "no hash"
    return None if name in GOOD_HASHES else f"is signed with {name.upper()}"


def check_verification_template(
    template_name: str, *, path_length: int | None, short_lived: bool
) -> None:
    """ConfigurationError where the CA cannot issue the verification certificate [7, 11, 22].

    `path_length` is how many CAs may stand below the issuing CA; None: any number.
    """
    template = template_of(template_arn(template_name))
    if not template.is_ca:
        return
    if short_lived:
        raise ConfigurationError(
            f"the verification template {template_name} makes a CA, and a short-lived CA must be "
            "the last of its hierarchy [11]",
            remedy="nothing was touched: leave it at EndEntityCertificate/V1",
        )
    wanted = template.path_length or 0
    if path_length is not None and wanted >= path_length:
        raise ConfigurationError(
            f"the verification template {template_name} makes a CA of path length {wanted}, and a "
            f"CA of path length {path_length} issues none [7]",
            remedy="nothing was touched: leave it at EndEntityCertificate/V1, or give the CA a "
            f"path length of {wanted + 1} or more",
        )


def check_short_lived(days: int, what: str, *, short_lived: bool) -> None:
    """ConfigurationError where a short-lived CA is asked for more than its 7 days [11]."""
    if short_lived and days > limits.SHORT_LIVED_MAX_DAYS:
        raise ConfigurationError(
            f"a short-lived CA issues for {limits.SHORT_LIVED_MAX_DAYS} days at most, "
            f"and {what} asks for {days} [11]",
            remedy=f"shorten {what}",
        )
