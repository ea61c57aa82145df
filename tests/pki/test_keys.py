"""Private keys in PEM."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from birthcert.errors import UnusableInput
from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.keys import encrypted_pem, load_private_key

PASSPHRASE = b"correct horse"


def _clear(key: PrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _numbers(key: PrivateKey) -> object:
    return key.public_key().public_numbers()


def test_an_ec_key_comes_back(ec_key: ec.EllipticCurvePrivateKey) -> None:
    """What was written encrypted is read with the same passphrase."""
    again = load_private_key(encrypted_pem(ec_key, PASSPHRASE), PASSPHRASE)
    assert _numbers(again) == _numbers(ec_key)


def test_openssl_reads_the_encrypted_key(rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    """The file is PKCS#8 that openssl decrypts."""
    path = tmp_path / "key.pem"
    path.write_bytes(encrypted_pem(rsa_key, PASSPHRASE))
    assert path.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    read = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "stdin", "-pubout"],
        input=PASSPHRASE,
        capture_output=True,
        check=True,
    )
    public = serialization.load_pem_public_key(read.stdout)
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.public_numbers() == _numbers(rsa_key)


def test_the_recipes_traditional_encrypted_key_is_read(tmp_path: Path) -> None:
    """A key that openssl encrypted in the old PEM form is read too."""
    path = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "genrsa", "-traditional", "-aes256", "-passout", "stdin", "-out", path, "2048"],
        input=PASSPHRASE,
        capture_output=True,
        check=True,
    )
    assert b"Proc-Type: 4,ENCRYPTED" in path.read_bytes()
    assert isinstance(load_private_key(path.read_bytes(), PASSPHRASE), rsa.RSAPrivateKey)


def test_a_key_in_the_clear_needs_no_passphrase(ec_key: ec.EllipticCurvePrivateKey) -> None:
    """A passphrase given for a key in the clear is not used."""
    clear = _clear(ec_key)
    assert _numbers(load_private_key(clear)) == _numbers(load_private_key(clear, PASSPHRASE))


@pytest.mark.parametrize(
    ("passphrase", "what"),
    [
        pytest.param(None, "pump.key is encrypted; give its passphrase", id="missing"),
        pytest.param(b"", "pump.key is encrypted; give its passphrase", id="empty"),
        pytest.param(b"wrong", "pump.key cannot be decrypted with this passphrase", id="wrong"),
    ],
)
def test_an_encrypted_key_needs_its_passphrase(
    ec_key: ec.EllipticCurvePrivateKey, passphrase: bytes | None, what: str
) -> None:
    """The error says whether the passphrase is missing or wrong."""
    pem = encrypted_pem(ec_key, PASSPHRASE)
    with pytest.raises(UnusableInput, match=what):
        load_private_key(pem, passphrase, name="pump.key")


@pytest.mark.parametrize(
    ("pem", "what"),
    [
        pytest.param(b"", "is not a private key in PEM form", id="empty"),
        pytest.param(b"-----BEGIN CERTIFICATE-----", "is not a private key", id="certificate"),
        pytest.param(
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "is damaged",
            id="damaged",
        ),
        pytest.param(
            _clear(ed25519.Ed25519PrivateKey.generate()), "neither an RSA nor an EC", id="ed25519"
        ),
    ],
)
def test_what_is_no_key_is_refused(pem: bytes, what: str) -> None:
    """The error says what is wrong with the file."""
    with pytest.raises(UnusableInput, match=what):
        load_private_key(pem)


@pytest.mark.parametrize(
    ("passphrase", "what"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"x" * 1_024, "has 1024 bytes", id="too long"),
    ],
)
def test_a_key_is_never_written_without_a_usable_passphrase(
    ec_key: ec.EllipticCurvePrivateKey, passphrase: bytes, what: str
) -> None:
    """There is no way to a key in the clear."""
    with pytest.raises(UnusableInput, match=what):
        encrypted_pem(ec_key, passphrase)
