"""Extensions compared by their form."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.certificates import public_key_der
from birthcert.pki.skeleton import extensions_skeleton

RSA = rsa.generate_private_key(65_537, 2_048)


def _issued(key: PrivateKey, name: str, *, ca: bool = False, own_key: bool = True) -> bytes | None:
    now = datetime.now(UTC)
    identifier_of = key if own_key else ec.generate_private_key(ec.SECP256R1())
    certificate = (
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
    return extensions_skeleton(certificate, public_key_der(certificate.public_key()))


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
