"""Certificates: read, identified and checked; the one door to the chain and template checks."""

import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from birthcert.errors import UnusableInput
from birthcert.pki.chains import chain_problems, is_signed_by
from birthcert.pki.extensions import template_problems
from birthcert.pki.parts import Parts, parts_of
from birthcert.pki.pem import join_pem, labels, plain_der, split_pem

__all__ = [
    "UNREADABLE",
    "certificate_id",
    "certificate_pem",
    "chain_problems",
    "is_signed_by",
    "join_pem",
    "load_certificate",
    "opened",
    "public_key_der",
    "public_key_sha256",
    "serial_hex",
    "split_pem",
    "template_problems",
]

_LABEL: Final = "CERTIFICATE"
UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
)


def load_certificate(
    pem: str | bytes, *, name: str = "the certificate", decode: bool = True
) -> x509.Certificate:
    """The one certificate of a PEM text; `name` is what the error calls it.

    UnusableInput for none, several, another kind of PEM block, or one that cannot be decoded.
    `decode=False` leaves it to the caller that its parts may not be decodable.
    """
    encoded = pem.encode() if isinstance(pem, str) else pem
    found = labels(encoded)
    if found != [_LABEL]:
        raise UnusableInput(
            f"{name} holds {', '.join(found[:4]) or 'no PEM block'} where one {_LABEL} belongs",
            remedy="give exactly one certificate in PEM form",
        )
    try:
        certificate = x509.load_pem_x509_certificate(encoded)
        if decode:
            _decode(certificate)
    except UNREADABLE as error:
        raise UnusableInput(
            f"{name} cannot be decoded", remedy="fetch it again", detail=str(error)
        ) from error
    return certificate


def opened(pem: str) -> tuple[x509.Certificate, Parts]:
    """As `load_certificate` with `decode=False`, with its parts; quick for plain PEM."""
    der = plain_der(pem.encode(), _LABEL)
    if der is None:
        certificate = load_certificate(pem, decode=False)
        return certificate, parts_of(certificate.public_bytes(Encoding.DER))
    return x509.load_der_x509_certificate(der), parts_of(der)


def _decode(certificate: x509.Certificate) -> None:
    """Have the parts decoded now that cryptography decodes when they are asked for."""
    _ = (certificate.subject, certificate.issuer, certificate.extensions)
    certificate.public_key()


def certificate_id(certificate: x509.Certificate) -> str:
    """AWS IoT's id of a certificate: SHA-256 of its DER, in hex."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def certificate_pem(certificate: x509.Certificate) -> str:
    """The certificate in PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def public_key_sha256(key: CertificatePublicKeyTypes) -> str:
    """SHA-256 of the key's DER SubjectPublicKeyInfo, in hex."""
    return hashlib.sha256(public_key_der(key)).hexdigest()


def public_key_der(key: CertificatePublicKeyTypes) -> bytes:
    """The key's DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def serial_hex(certificate: x509.Certificate) -> str:
    """The serial number as AWS writes it: lower-case hex pairs with colons, `0a:1b:...`."""
    number = certificate.serial_number
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big").hex(":")
