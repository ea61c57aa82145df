"""A root of one's own: made, checked, and put to its one use, signing a CA's CSR [rules 3, 4, 24].

Pure: the clock and every random number are arguments. Files and passphrases are dealt with in
birthcert/roots.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from birthcert import limits
from birthcert.errors import UnusableInput
from birthcert.models import Subject
from birthcert.pki.algorithms import PrivateKey, PublicKey, default_hash
from birthcert.pki.certificates import is_signed_by, load_certificate, public_key_sha256
from birthcert.pki.csr import Csr
from birthcert.pki.extensions import authority_key_identifier
from birthcert.pki.hierarchy import basic_constraints, is_critical_ca, signature_problem
from birthcert.pki.keys import load_private_key
from birthcert.pki.names import x509_name
from birthcert.pki.templates import CA_USAGE, key_usage

BACKDATE: Final = timedelta(seconds=limits.NOT_BEFORE_BACKDATE_SECONDS)
# as openssl's own example has it: a root signs certificates and CRLs, and nothing else
ROOT_USAGE: Final = key_usage(certificate_authority=True, signature=False)


@dataclass(frozen=True)
class Root:
    """A root that is ready to sign."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)


def make_root(
    key: PrivateKey,
    subject: Subject,
    *,
    validity_days: int,
    path_length: int | None,
    now: datetime,
    serial_number: int,
) -> x509.Certificate:
    """The self-signed certificate of a root over this key."""
    name, public_key = x509_name(subject), key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    return (
        x509.CertificateBuilder(name, name, public_key, serial_number)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=validity_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(ROOT_USAGE, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, default_hash(public_key))
    )


def open_root(
    certificate_pem: bytes,
    key_pem: bytes,
    passphrase: bytes,
    *,
    now: datetime,
    certificate_name: str,
    key_name: str,
) -> Root:
    """A root of two PEM files: encrypted PKCS#8 or openssl's traditional encrypted key.

    UnusableInput for a certificate that is no root's (as `check_root`), a key in the clear, a
    wrong passphrase, and a key that is not the certificate's.
    """
    certificate = load_root_certificate(certificate_pem, now=now, name=certificate_name)
    if b"ENCRYPTED" not in key_pem and b"PRIVATE KEY-----" in key_pem:
        raise UnusableInput(
            f"{key_name} is not encrypted", remedy="encrypt it: openssl pkcs8 -topk8 -scrypt"
        )
    key = load_private_key(key_pem, passphrase, name=key_name)
    if public_key_sha256(key.public_key()) != public_key_sha256(certificate.public_key()):
        raise UnusableInput(
            f"{key_name} is not the key of {certificate_name}",
            remedy="name the two files of one root",
        )
    return Root(certificate, key)


def load_root_certificate(pem: bytes, *, now: datetime, name: str) -> x509.Certificate:
    """The one certificate of a PEM file, which must be a root's; UnusableInput else."""
    certificate = load_certificate(pem, name=name)
    if problem := root_problem(certificate, now):
        raise UnusableInput(
            f"{name} cannot be the root: {problem}",
            remedy="name the self-signed certificate of a root CA",
        )
    return certificate


def root_problem(certificate: x509.Certificate, now: datetime) -> str | None:
    """Why this certificate is of no use at the head of a chain, or None."""
    if not is_critical_ca(certificate):
        return "it is not a CA's (BasicConstraints must be critical with CA:TRUE [3])"
    # before the signature itself, which over SHA-1 is not even looked at
    if problem := signature_problem(certificate):
        return f"it {problem}; AWS IoT takes SHA-256, SHA-384 and SHA-512 with RSA or ECDSA [24]"
    if not is_signed_by(certificate, certificate):
        return "it is not self-signed"
    if now > certificate.not_valid_after_utc:
        return f"it expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < certificate.not_valid_before_utc:
        return f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return _key_problem(certificate)


def _key_problem(certificate: x509.Certificate) -> str | None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < limits.RSA_MIN_BITS:
        return f"its RSA key has {key.key_size} bits, under {limits.RSA_MIN_BITS} [24]"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return None if usage.key_cert_sign else "its KeyUsage has no keyCertSign"


def check_root_limits(
    certificate: x509.Certificate, *, path_length: int, validity_days: int, now: datetime
) -> None:
    """UnusableInput where the root may not sign a CA of this path length, or for so long [7, 8]."""
    own = basic_constraints(certificate).path_length
    if own is not None and own <= path_length:
        raise UnusableInput(
            f"the root's path length is {own}: it cannot sign a CA of path length {path_length} "
            "[7]",
            remedy=f"ask for at most {own - 1}" if own else "use a root that may have CAs below it",
        )
    end = certificate.not_valid_after_utc
    if now + timedelta(days=validity_days) > end:
        left = max(0, (end - now).days)
        raise UnusableInput(
            f"a CA of {validity_days} days would outlive its root, which ends at "
            f"{end:%Y-%m-%d %H:%M} UTC [8]",
            remedy=f"ask for at most {left} days" if left else "make a new root",
        )


def sign_subordinate(
    root: Root,
    csr: Csr,
    *,
    path_length: int,
    validity_days: int,
    now: datetime,
    serial_number: int,
) -> x509.Certificate:
    """The certificate of a subordinate CA by the root, as SubordinateCACertificate_PathLenN [7].

    Raises what `check_root_limits` does. The CSR's own extensions are not copied.
    """
    check_root_limits(
        root.certificate, path_length=path_length, validity_days=validity_days, now=now
    )
    public_key = cast(PublicKey, x509.load_pem_x509_csr(csr.pem).public_key())
    start = max(now - BACKDATE, root.certificate.not_valid_before_utc)
    return (
        x509.CertificateBuilder(root.certificate.subject, csr.subject, public_key, serial_number)
        .not_valid_before(start)
        .not_valid_after(now + timedelta(days=validity_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(CA_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(authority_key_identifier(root.certificate), critical=False)
        .sign(root.key, default_hash(root.key.public_key()))
    )
