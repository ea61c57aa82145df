"""A root on disk: made once, encrypted so that openssl reads it, and never over another."""

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from birthcert import roots
from birthcert.errors import ConfigurationError
from birthcert.models import RootRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.keys import load_private_key
from birthcert.pki.scrypt import scrypt_pem

PASSPHRASE = b"correct horse battery"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
REQUEST = RootRequest(subject=Subject(common_name="ACME"), key_algorithm="EC_prime256v1")


@pytest.fixture
def files(tmp_path: Path) -> roots.RootFiles:
    """Two files that are not there."""
    return roots.RootFiles(tmp_path / "private" / "ca.key.pem", tmp_path / "ca.cert.pem")


@pytest.fixture
def made(files: roots.RootFiles) -> roots.RootFiles:
    """A root."""
    roots.create_root(files, REQUEST, PASSPHRASE, now=NOW)
    return files


def openssl(*words: str) -> str:
    """What a command of openssl says; it must succeed."""
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_only_the_owner_may_read_the_key(made: roots.RootFiles) -> None:
    """The key 0400 and the certificate 0444: nobody may write either."""
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o400
    assert stat.S_IMODE(made.certificate.stat().st_mode) & 0o333 == 0


def test_openssl_opens_the_key(made: roots.RootFiles) -> None:
    """PKCS#8 under scrypt and AES-256; the key is the certificate's."""
    passphrase = f"pass:{PASSPHRASE.decode()}"
    structure = openssl("asn1parse", "-in", str(made.key))
    assert (":PBES2" in structure, ":scrypt" in structure) == (True, True)
    assert ":aes-256-cbc" in structure
    of_key = openssl("pkey", "-in", str(made.key), "-passin", passphrase, "-pubout")
    assert of_key == openssl("x509", "-in", str(made.certificate), "-noout", "-pubkey")


@pytest.mark.parametrize("algorithm", ["RSA_2048", "EC_prime256v1", "EC_secp384r1"])
def test_a_key_under_scrypt_is_read_again(algorithm: str) -> None:
    """Whatever its length does to the encoding of lengths."""
    key = generate_private_key(algorithm)
    read = load_private_key(scrypt_pem(key, PASSPHRASE, random=bytes(32)), PASSPHRASE)
    assert read.private_numbers() == key.private_numbers()


def test_the_certificate_is_a_roots_for_200_years(made: roots.RootFiles) -> None:
    """Critical CA:TRUE, keyCertSign and cRLSign and nothing else, SKI; 73000 days."""
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    extensions = {each.oid: each for each in certificate.extensions}
    basic = extensions[x509.BasicConstraints.oid]
    usage = extensions[x509.KeyUsage.oid]
    assert (basic.critical, basic.value) == (True, x509.BasicConstraints(True, None))
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert not usage.value.digital_signature
    assert x509.SubjectKeyIdentifier.oid in extensions
    assert certificate.not_valid_after_utc == NOW + timedelta(days=73_000)
    assert "OK" in openssl("verify", "-CAfile", str(made.certificate), str(made.certificate))


@pytest.mark.parametrize("there", ["key", "certificate"])
def test_a_root_is_never_overwritten(files: roots.RootFiles, there: str) -> None:
    """Where one of the files is there, the other is not made either."""
    path: Path = getattr(files, there)
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="never overwritten"):
        roots.create_root(files, REQUEST, PASSPHRASE, now=NOW)
    assert path.read_text() == "mine"
    assert [each.exists() for each in (files.key, files.certificate)].count(True) == 1


def typed(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """A terminal at which these are typed."""
    waiting = list(answers)
    monkeypatch.delenv("BIRTHCERT_ROOT_PASSPHRASE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: waiting.pop(0))


def test_a_new_passphrase_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever mistypes it would never open the root again."""
    typed(monkeypatch, "correct horse", "correct house")
    with pytest.raises(ConfigurationError, match="differ"):
        roots.root_passphrase(None, is_new=True)


def test_the_passphrase_of_a_root_that_is_there_is_typed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And may be short: its owner chose it."""
    typed(monkeypatch, "abc")
    assert roots.root_passphrase(None, is_new=False) == b"abc"


def test_without_a_terminal_the_error_says_where_to_put_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No flag takes it."""
    monkeypatch.delenv("BIRTHCERT_ROOT_PASSPHRASE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(ConfigurationError, match=r"root-passphrase-file.*BIRTHCERT_ROOT"):
        roots.root_passphrase(None, is_new=True)
