"""The block Offline Root: key and certificate of one root, and what opens the key."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from birthcert.errors import UnusableInput
from birthcert.models import Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.keys import encrypted_pem
from birthcert.pki.roots import make_root
from blocks.offline_root import OfflineRoot

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """root.pem with root.key, and the keys of others."""
    folder = tmp_path_factory.mktemp("root")
    key, other = (generate_private_key("EC_prime256v1") for _ in range(2))
    certificate = make_root(
        key,
        Subject(common_name="root"),
        validity_days=1,
        path_length=None,
        now=datetime.now(UTC),
        serial_number=1,
    )
    (folder / "root.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "root.key").write_bytes(encrypted_pem(key, PASSPHRASE.encode()))
    (folder / "other.key").write_bytes(encrypted_pem(other, PASSPHRASE.encode()))
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "plain.key").write_bytes(plain)
    return folder


def root(files: Path, key: str = "root.key", passphrase: str = PASSPHRASE) -> OfflineRoot:
    """The block over these files."""
    return OfflineRoot(
        certificate_file=str(files / "root.pem"),
        key_file=str(files / key),
        passphrase=SecretStr(passphrase),
    )


def test_the_key_is_opened_with_the_passphrase(files: Path) -> None:
    """The key is the certificate's."""
    block = root(files)
    certificate = x509.load_pem_x509_certificate(block.get_certificate_pem())
    assert block.get_root().key.public_key() == certificate.public_key()


@pytest.mark.parametrize(
    ("key", "passphrase", "problem"),
    [
        pytest.param("root.key", "wrong", "cannot be decrypted", id="wrong passphrase"),
        pytest.param("plain.key", PASSPHRASE, "is not encrypted", id="in the clear"),
        pytest.param("other.key", PASSPHRASE, "is not the key of", id="another's key"),
        pytest.param("none.key", PASSPHRASE, "cannot be read", id="missing"),
    ],
)
def test_a_key_of_no_use_is_named(files: Path, key: str, passphrase: str, problem: str) -> None:
    """What is wrong with the key's file is said, and the passphrase is not."""
    with pytest.raises(UnusableInput, match=problem) as caught:
        root(files, key, passphrase).get_root()
    assert passphrase not in str(caught.value)
