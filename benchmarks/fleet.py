"""A fleet for benchmarks: a manifest of devices with CSRs, and the certificates of a stand-in CA.

Making a million keys takes minutes, so what was made stays in build/benchmarks and is added to.
Each key follows from its device's number: there is no secret in it, and every machine has the
same fleet. CSRs and certificates are patched together from one pattern each, which is twenty
times as fast as building them, and are good ones all the same.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from birthcert.models import Subject
from birthcert.pki.csr import build_csr
from birthcert.pki.templates import CA_USAGE, template_arn, template_of

FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"
TEMPLATE = "EndEntityClientAuthCertificate/V1"
BLOCK = 2_000
RECORD_BYTES = 512
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SIGNING = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def device_id(number: int) -> str:
    """The name of a device; all are of one length."""
    return f"device-{number:07d}"


def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The key that belongs to a name."""
    secret = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(secret, ec.SECP256R1())


@dataclass(frozen=True)
class Pattern:
    """What is to be signed, of device 0; `replaced` makes it another device's."""

    tbs: bytes
    algorithm: bytes
    parts: tuple[bytes, ...]

    def replaced(self, parts: tuple[bytes, ...], signer: ec.EllipticCurvePrivateKey) -> bytes:
        tbs = self.tbs
        for old, new in zip(self.parts, parts, strict=True):
            tbs = tbs.replace(old, new)
        signature = b"\0" + signer.sign(tbs, _SIGNING)
        body = tbs + self.algorithm + b"\x03" + _length(signature) + signature
        return b"\x30" + _length(body) + body


@cache
def authority_key() -> ec.EllipticCurvePrivateKey:
    """The stand-in CA's key."""
    return private_key("certificate authority")


@cache
def authority_certificate() -> x509.Certificate:
    """The stand-in CA's certificate."""
    key = authority_key().public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark CA")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(CA_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .sign(authority_key(), _SIGNING.algorithm, ecdsa_deterministic=True)
    )


def authority_pem() -> str:
    """The same in PEM."""
    return authority_certificate().public_bytes(Encoding.PEM).decode()


def manifest(size: int, *, folder: Path = FOLDER) -> Path:
    """A JSONL manifest of `size` devices with their CSRs inline."""
    every = folder / "devices.jsonl"
    have = _complete(folder)
    if have < size:
        _extend(folder, have, size)
    if _complete(folder) == size:
        return every
    path = folder / f"devices-{size}.jsonl"
    if not path.exists():
        with every.open() as source, path.open("w") as target:
            target.writelines(islice(source, size))
    return path


def certificates(folder: Path = FOLDER) -> Path:
    """The certificates of all devices that a manifest was made for, a record each."""
    return folder / "certificates.der"


def _complete(folder: Path) -> int:
    try:
        return certificates(folder).stat().st_size // RECORD_BYTES
    except FileNotFoundError:
        return 0


def _extend(folder: Path, have: int, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(have, size, BLOCK)
    counts = [min(BLOCK, size - start) for start in starts]
    with (
        ProcessPoolExecutor() as pool,
        (folder / "devices.jsonl").open("ab" if have else "wb") as rows,
        certificates(folder).open("ab") as records,
    ):
        for row_bytes, record_bytes in pool.map(_block, starts, counts):
            rows.write(row_bytes)
            records.write(record_bytes)


def _block(start: int, count: int) -> tuple[bytes, bytes]:
    made = list(_made(start + 1, count))
    return b"".join(row for row, _ in made), b"".join(record for _, record in made)


def _made(first: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    requests, issued = _request_pattern(), _certificate_pattern()
    for number in range(first, first + count):
        key = private_key(device_id(number))
        name, point = device_id(number).encode(), _point(key)
        csr = requests.replaced((name, point), key)
        facts = name, point, _key_id(point), _serial(number)
        certificate = issued.replaced(facts, authority_key())
        row = {"device_id": device_id(number), "csr": pem("CERTIFICATE REQUEST", csr)}
        record = len(certificate).to_bytes(2, "big") + certificate
        yield json.dumps(row).encode() + b"\n", record.ljust(RECORD_BYTES, b"\0")


def pem(label: str, der: bytes) -> str:
    """PEM text with lines of 64 characters."""
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _request_pattern() -> Pattern:
    key = private_key(device_id(0))
    name = device_id(0)
    request = x509.load_pem_x509_csr(build_csr(key, Subject(common_name=name)))
    return _pattern(request, request.tbs_certrequest_bytes, (name.encode(), _point(key)))


def _certificate_pattern() -> Pattern:
    key, name = private_key(device_id(0)), device_id(0)
    rules = template_of(template_arn(TEMPLATE))
    assert rules.key_usage is not None
    assert rules.extended_key_usage is not None
    ours = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key().public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority_certificate().subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(_serial(0), "big"))
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2048, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(False, None), critical=False)
        .add_extension(rules.key_usage, critical=True)
        .add_extension(rules.extended_key_usage, critical=False)
        .add_extension(ours, critical=False)
        .add_extension(theirs, critical=False)
        .sign(authority_key(), _SIGNING.algorithm)
    )
    parts = name.encode(), _point(key), ours.digest, _serial(0)
    return _pattern(certificate, certificate.tbs_certificate_bytes, parts)


def _pattern(
    made: x509.Certificate | x509.CertificateSigningRequest, tbs: bytes, parts: tuple[bytes, ...]
) -> Pattern:
    rest = made.public_bytes(Encoding.DER).partition(tbs)[2]
    return Pattern(tbs, rest[: 2 + rest[1]], parts)


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _key_id(point: bytes) -> bytes:
    return hashlib.sha1(point, usedforsecurity=False).digest()


def _serial(number: int) -> bytes:
    return b"\x40" + hashlib.sha256(b"serial %d" % number).digest()[:15]


def _length(content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([size])
    encoded = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(encoded)]) + encoded
