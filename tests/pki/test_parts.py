"""Certificates taken apart."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.certificates import public_key_der
from birthcert.pki.parts import extensions_skeleton, parts_of

EXTENSIONS_TAG = 0xA3
RSA = rsa.generate_private_key(65_537, 2_048)


def _certificate(
    key: PrivateKey, name: str, *, ca: bool = False, own_key: bool = True
) -> x509.Certificate:
    now = datetime.now(UTC)
    identifier_of = key if own_key else ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca, None), critical=False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(identifier_of.public_key()), critical=False
        )
        .sign(RSA, hashes.SHA256())
    )


def _issued(key: PrivateKey, name: str, *, ca: bool = False, own_key: bool = True) -> bytes | None:
    certificate = _certificate(key, name, ca=ca, own_key=own_key)
    return extensions_skeleton(parts_of(certificate.public_bytes(Encoding.DER)))


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP521R1()), RSA], ids=["EC", "RSA"])
def test_parts_are_what_cryptography_reads(key: PrivateKey) -> None:
    """Each part is the same bytes that cryptography gives."""
    certificate = _certificate(key, "device " + "x" * 50)
    parts = parts_of(certificate.public_bytes(Encoding.DER))
    assert parts.signed == certificate.tbs_certificate_bytes
    assert parts.signature == certificate.signature
    assert parts.issuer == certificate.issuer.public_bytes()
    assert parts.subject == certificate.subject.public_bytes()
    assert parts.public_key == public_key_der(certificate.public_key())
    assert parts.inner_algorithm == parts.algorithm
    assert parts.rest[0] == EXTENSIONS_TAG


def test_certificates_of_one_template_have_one_skeleton() -> None:
    """Name, key, serial number and the key's identifier do not show in it, whatever the key."""
    keys = [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()), RSA]
    skeletons = {_issued(key, f"device-{number}") for number, key in enumerate(keys)}
    assert len(skeletons) == 1
    assert None not in skeletons


@pytest.mark.parametrize(
    "change", [pytest.param({"ca": True}, id="value"), pytest.param({"own_key": False}, id="key")]
)
def test_other_extensions_have_another_skeleton(change: dict[str, bool]) -> None:
    """Another extension's value shows; an identifier of another key gives no skeleton at all."""
    key = ec.generate_private_key(ec.SECP256R1())
    assert _issued(key, "device", **change) != _issued(key, "device")
