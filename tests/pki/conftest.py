"""Keys and certificates for the tests of the pure PKI modules: EC keys, one slow RSA key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from birthcert.models import Subject
from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.names import x509_name
from birthcert.pki.templates import TEMPLATES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey


Issue = Callable[..., Holder]


@pytest.fixture(scope="session")
def now() -> datetime:
    """The moment at which these tests happen."""
    return NOW


@pytest.fixture(scope="session")
def ec_key() -> ec.EllipticCurvePrivateKey:
    """A P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """An RSA key of 2048 bits, made once."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def issue() -> Issue:
    """Make a certificate as a template sets it, signed by `issuer` (or by itself)."""
    return _issue


def _issue(
    name: str,
    template: str,
    issuer: Holder | None = None,
    *,
    start: datetime = NOW - timedelta(hours=1),
    end: datetime = NOW + timedelta(days=30),
    key: PrivateKey | None = None,
    change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] = lambda builder: builder,
    without: type[x509.ExtensionType] | None = None,
) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509_name(Subject(common_name=name))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    signer = issuer.key if issuer else key
    for value, critical in _extensions(template, key, signer):
        if not (without and isinstance(value, without)):
            builder = builder.add_extension(value, critical=critical)
    return Holder(change(builder).sign(signer, hashes.SHA256()), key)


def _extensions(
    name: str, key: PrivateKey, signer: PrivateKey
) -> list[tuple[x509.ExtensionType, bool]]:
    template = TEMPLATES[name]
    found: list[tuple[x509.ExtensionType, bool]] = [
        (
            x509.BasicConstraints(template.is_ca, template.path_length),
            template.basic_constraints_critical,
        ),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    ]
    if template.key_usage:
        found.append((template.key_usage, True))
    if template.extended_key_usage:
        found.append((template.extended_key_usage, template.extended_key_usage_critical))
    return found


@pytest.fixture(scope="session")
def root() -> Holder:
    """A root CA."""
    return _issue("root", "RootCACertificate")


@pytest.fixture(scope="session")
def intermediate(root: Holder) -> Holder:
    """A CA below the root that may sign no further CA."""
    return _issue("intermediate", "SubordinateCACertificate_PathLen0", root)


@pytest.fixture(scope="session")
def device(intermediate: Holder) -> Holder:
    """A device's certificate, signed by the intermediate."""
    return _issue("pump-1", "EndEntityClientAuthCertificate", intermediate)
