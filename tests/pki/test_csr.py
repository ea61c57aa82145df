"""Reading and making CSRs."""

import base64
import hashlib
import pickle
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from birthcert.models import Subject
from birthcert.pki.csr import UnusableCsr, build_csr, csr_name_problem, read_csr

KEY = ec.generate_private_key(ec.SECP256R1())
PUMP = build_csr(KEY, Subject(common_name="pump-1", organization="ACME"))


def _csr(key: object, name: x509.Name | None = None, algorithm: object = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(subject_name=name or x509.Name([]))
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


def _named(*common_names: str) -> bytes:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names]
    return _csr(KEY, x509.Name(attributes), hashes.SHA256())


def _tampered() -> bytes:
    der = bytearray(x509.load_pem_x509_csr(PUMP).public_bytes(Encoding.DER))
    der[der.index(b"pump-1")] = ord("d")
    return _pem(bytes(der))


def _pem(der: bytes) -> bytes:
    head, *_, foot = PUMP.splitlines()
    return b"\n".join([head, base64.encodebytes(der).strip(), foot, b""])


def test_a_csr_tells_who_and_which_key() -> None:
    """Name, key and hashes are those of the request's DER."""
    csr = read_csr(PUMP)
    der = x509.load_pem_x509_csr(PUMP).public_bytes(Encoding.DER)
    spki = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert csr.common_name == "pump-1"
    assert csr.subject.rfc4514_string() == "CN=pump-1,O=ACME"
    assert csr.key_algorithm == "EC_prime256v1"
    assert csr.sha256 == hashlib.sha256(der).hexdigest()
    assert csr.public_key_sha256 == hashlib.sha256(spki).hexdigest()
    assert csr.pem == PUMP


def test_a_csr_without_subject_is_read() -> None:
    """The recipe's CSRs have no subject: whether that is enough is another question."""
    assert read_csr(build_csr(KEY, Subject())).common_name is None


def test_an_openssl_csr_is_read_whatever_stands_around_it(tmp_path: Path) -> None:
    """openssl's readable text around the block does not travel on."""
    key = tmp_path / "key.pem"
    key.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made = subprocess.run(
        ["openssl", "req", "-new", "-text", "-key", key, "-subj", "/O=ACME/CN=pump-1"],
        capture_output=True,
        check=True,
    ).stdout
    csr = read_csr(made)
    assert made.startswith(b"Certificate Request:")
    assert csr.pem.startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    assert csr.common_name == "pump-1"


def test_the_old_label_and_windows_newlines_are_read() -> None:
    """Both are the same CSR, so they have the same hash and travel in the usual form."""
    old = PUMP.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST").replace(b"\n", b"\r\n")
    assert read_csr(old) == read_csr(PUMP)


def test_rsa_and_p384_are_taken(rsa_key: rsa.RSAPrivateKey) -> None:
    """The key's algorithm has AWS's name."""
    p384 = ec.generate_private_key(ec.SECP384R1())
    assert read_csr(build_csr(rsa_key, Subject())).key_algorithm == "RSA_2048"
    assert read_csr(build_csr(p384, Subject())).key_algorithm == "EC_secp384r1"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-md5"], id="MD5"),
        pytest.param(["-sha1"], id="SHA-1"),
        pytest.param(["-sha512"], id="SHA-512"),
        pytest.param(["-sha256", "-sigopt", "rsa_padding_mode:pss"], id="PSS"),
    ],
)
def test_how_the_csr_is_signed_does_not_matter(
    rsa_key: rsa.RSAPrivateKey, tmp_path: Path, options: list[str]
) -> None:
    """The CA chooses the certificate's hash, so the CSR's own is no reason to refuse it."""
    key = tmp_path / "key.pem"
    key.write_bytes(rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made = subprocess.run(
        ["openssl", "req", "-new", *options, "-key", key, "-subj", "/CN=pump-1"],
        capture_output=True,
        check=True,
    ).stdout
    assert read_csr(made).common_name == "pump-1"


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        pytest.param(b"", "is not in PEM form", id="empty"),
        pytest.param(b"\x30\x82\x01", "is not in PEM form", id="DER"),
        pytest.param(b" " * 32_769, "has 32769 bytes, over AWS's 32768", id="too long"),
        pytest.param(PUMP + PUMP, "holds 2 PEM blocks", id="two CSRs"),
        pytest.param(
            b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            "holds a PRIVATE KEY, not a CERTIFICATE REQUEST",
            id="private key",
        ),
        pytest.param(PUMP[:120], "cannot be decoded", id="cut off"),
        pytest.param(_pem(b"\x30\x03\x02\x01\x00"), "cannot be decoded", id="other DER"),
        pytest.param(_tampered(), "signature is wrong", id="changed after signing"),
        pytest.param(
            _csr(
                rsa.generate_private_key(public_exponent=65537, key_size=1024),
                algorithm=hashes.SHA256(),
            ),
            "RSA key has 1024 bits, under 2048",
            id="short RSA",
        ),
        pytest.param(
            _csr(ec.generate_private_key(ec.SECP521R1()), algorithm=hashes.SHA512()),
            "curve secp521r1, which AWS IoT does not take",
            id="P-521",
        ),
        pytest.param(
            _csr(ec.generate_private_key(ec.SECP256K1()), algorithm=hashes.SHA256()),
            "curve secp256k1, which AWS IoT does not take",
            id="another curve",
        ),
        pytest.param(
            _csr(ed25519.Ed25519PrivateKey.generate()), "neither RSA nor EC", id="ed25519"
        ),
    ],
)
def test_an_unusable_csr_has_a_reason(pem: bytes, reason: str) -> None:
    """What AWS would refuse is refused here, with a sentence for the report."""
    with pytest.raises(UnusableCsr) as raised:
        read_csr(pem)
    assert reason in raised.value.reason
    assert str(raised.value) == f"{raised.value.reason}; {raised.value.remedy}"


def test_the_reason_travels_between_processes() -> None:
    """A task's failure is pickled: the reason must come along."""
    with pytest.raises(UnusableCsr) as raised:
        read_csr(b"")
    assert pickle.loads(pickle.dumps(raised.value)).reason == raised.value.reason


def _verdict(pem: bytes) -> str:
    try:
        read_csr(pem)
    except UnusableCsr:
        return "refused"
    return "read"


@given(st.data())
def test_mutated_csrs_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    """No bytes make the reader fail in another way than UnusableCsr."""
    der = bytearray(x509.load_pem_x509_csr(PUMP).public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    assert _verdict(_pem(bytes(der))) in ("read", "refused")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_reason(junk: bytes) -> None:
    """Random bytes, bare or inside the block, are no CSR."""
    for pem in (junk, PUMP.replace(b"MII", junk), PUMP[: len(PUMP) // 2] + junk):
        if pem != PUMP:
            with pytest.raises(UnusableCsr):
                read_csr(pem)


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        pytest.param(_named(), "has no CommonName", id="none"),
        pytest.param(_named("pump-1", "pump-2"), "has 2 CommonNames", id="several"),
        pytest.param(_named("pump-2"), "'pump-2' is not the device id 'pump-1'", id="another's"),
        pytest.param(_named("PUMP-1"), "is not the device id", id="another case"),
    ],
)
def test_a_csr_of_another_name_is_told(pem: bytes, problem: str) -> None:
    """A factory cannot have another's device certified."""
    assert problem in (csr_name_problem(read_csr(pem), "pump-1") or "")


def test_a_csr_of_the_devices_own_name_has_no_problem() -> None:
    """The one CommonName is the device id."""
    assert csr_name_problem(read_csr(PUMP), "pump-1") is None
