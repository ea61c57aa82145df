"""Chains of certificates: who signed whom, in which order, and until when [rules 3, 7, 17, 31]."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

UNVERIFIABLE: Final = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm)
Certificates = Sequence[x509.Certificate]
E = TypeVar("E", bound=x509.ExtensionType)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key made this certificate's signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except UNVERIFIABLE:
        return False
    return True


def chain_problems(leaf: x509.Certificate, chain: Certificates, *, now: datetime) -> list[str]:
    """What is wrong with a leaf and the CAs above it, issuer first: sentences, none if all is well.

    Checks that each is signed by the next (a wrong order is recognised and said), validity at
    `now` (aware), and each CA's BasicConstraints, path length and key usage. The chain need not
    reach a root: AWS IoT trusts the registered CA itself.
    """
    path = [leaf, *chain]
    return [
        *_signature_problems(path),
        *(problem for each in path for problem in _time_problems(each, now)),
        *(
            problem
            for position, each in enumerate(chain)
            for problem in _authority_problems(each, below=position)
        ),
    ]


def name_of(certificate: x509.Certificate) -> str:
    """What messages call a certificate: its subject, else its serial number."""
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"


def _signature_problems(path: list[x509.Certificate]) -> list[str]:
    leaf = path[0]
    if len(path) == 1:
        if is_signed_by(leaf, leaf):
            return []
        issuer = leaf.issuer.rfc4514_string()
        return [f"the chain is empty: the certificate of the issuer {issuer} is missing"]
    broken = [(low, high) for low, high in pairwise(path) if not is_signed_by(low, high)]
    if not broken:
        return []
    ordered = _in_order(path)
    if ordered is not None:
        names = ", then ".join(name_of(each) for each in ordered)
        return [f"the chain is in the wrong order: it should be {names}"]
    return [f"{name_of(low)} is not signed by {name_of(high)}" for low, high in broken]


def _in_order(path: list[x509.Certificate]) -> list[x509.Certificate] | None:
    """The one order in which each is signed by the next, or None where there is none."""
    for start in path:
        ordered, left = [start], [each for each in path if each is not start]
        while issuer := next((each for each in left if is_signed_by(ordered[-1], each)), None):
            ordered.append(issuer)
            left = [each for each in left if each is not issuer]
        if not left:
            return ordered
    return None


def _time_problems(certificate: x509.Certificate, now: datetime) -> list[str]:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < start:
        return [f"{name_of(certificate)} is not valid before {start:%Y-%m-%d %H:%M} UTC"]
    if now > end:
        return [f"{name_of(certificate)} expired at {end:%Y-%m-%d %H:%M} UTC"]
    return []


# the same few CAs stand above every device of a batch
@lru_cache(maxsize=64)
def _authority_problems(certificate: x509.Certificate, *, below: int) -> tuple[str, ...]:
    """`below` is the number of CA certificates between this one and the leaf."""
    name = name_of(certificate)
    try:
        extensions = certificate.extensions
    except (ValueError, x509.DuplicateExtension) as error:
        return (f"the extensions of {name} cannot be read: {error}",)
    problems = []
    basic = _extension(extensions, x509.BasicConstraints)
    if basic is None or not basic.ca:
        problems.append(f"{name} is not a CA certificate (BasicConstraints has no CA:TRUE)")
    elif basic.path_length is not None and basic.path_length < below:
        problems.append(
            f"{name} allows a path length of {basic.path_length}, "
            f"but {below} CA certificates stand below it"
        )
    usage = _extension(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        problems.append(f"{name} may not sign certificates (KeyUsage has no keyCertSign)")
    return tuple(problems)


def _extension(extensions: x509.Extensions, kind: type[E]) -> E | None:
    return next((each.value for each in extensions if isinstance(each.value, kind)), None)
