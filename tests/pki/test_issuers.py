"""The CAs above many certificates: what is judged once for all hides nothing of the others."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.pki.chains import chain_problems
from birthcert.pki.issuers import Issuers
from birthcert.pki.parts import parts_of

Issue = Callable[..., Any]  # the conftest's: a certificate and its key
DEVICE = "EndEntityClientAuthCertificate"


def problems(issuers: Issuers, certificate: x509.Certificate, now: datetime) -> list[str]:
    """What the issuers find, with the certificate's own parts."""
    return issuers.problems(certificate, parts_of(certificate.public_bytes(Encoding.DER)), now=now)


@pytest.fixture
def issuers(device: Any, intermediate: Any, root: Any, now: datetime) -> Issuers:
    """A chain that was found good with one device's certificate."""
    chain = Issuers([intermediate.certificate, root.certificate])
    assert problems(chain, device.certificate, now) == []
    return chain


def test_a_second_device_passes(
    issue: Issue, issuers: Issuers, intermediate: Any, now: datetime
) -> None:
    """Another certificate of the same CA."""
    assert problems(issuers, issue("pump-2", DEVICE, intermediate).certificate, now) == []


def test_every_changed_byte_is_judged_as_without_a_memory(
    device: Any, issuers: Issuers, now: datetime
) -> None:
    """Each byte of a good certificate changed, one at a time: always as `chain_problems` says."""
    der = device.certificate.public_bytes(Encoding.DER)
    refused = 0
    for at in range(len(der)):
        changed = der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]
        try:
            certificate = x509.load_der_x509_certificate(changed)
            expected = chain_problems(certificate, issuers.chain, now=now)
        except (ValueError, x509.InvalidVersion):
            continue
        assert problems(issuers, certificate, now) == expected
        refused += bool(expected)
    assert refused > len(der) / 2


@pytest.mark.parametrize("what", ["another key", "another name", "another algorithm inside"])
def test_who_did_not_sign_is_found(
    issue: Issue, issuers: Issuers, intermediate: Any, root: Any, now: datetime, what: str
) -> None:
    """A CA of the same name with another key, of the same key with another name, and a signature
    of one algorithm over a certificate that names another."""
    template = "SubordinateCACertificate_PathLen0"
    if what == "another key":
        certificate = issue("pump-2", DEVICE, issue("intermediate", template, root)).certificate
    elif what == "another name":
        other = issue("other", template, root, key=intermediate.key)
        certificate = issue("pump-2", DEVICE, other).certificate
    else:
        certificate = _two_algorithms(issue("pump-2", DEVICE, intermediate), intermediate)
    found = problems(issuers, certificate, now)
    assert found == ["CN=pump-2 is not signed by CN=intermediate"]
    assert found == chain_problems(certificate, issuers.chain, now=now)


@pytest.mark.parametrize(
    "shift",
    [pytest.param(timedelta(days=-2), id="too early"), pytest.param(timedelta(days=31), id="late")],
)
def test_times_are_looked_at_each_time(
    device: Any, issuers: Issuers, now: datetime, shift: timedelta
) -> None:
    """The same certificate at another moment."""
    found = problems(issuers, device.certificate, now + shift)
    assert found
    assert found == chain_problems(device.certificate, issuers.chain, now=now + shift)


def test_times_of_the_cas_are_looked_at_each_time(issue: Issue, root: Any, now: datetime) -> None:
    """A device's certificate that outlives its CA."""
    end = now + timedelta(days=1)
    short = issue("short", "SubordinateCACertificate_PathLen0", root, end=end)
    device = issue("pump-3", DEVICE, short).certificate
    issuers = Issuers([short.certificate, root.certificate])
    assert problems(issuers, device, now) == []
    assert problems(issuers, device, end + timedelta(hours=1)) == [
        f"CN=short expired at {end:%Y-%m-%d %H:%M} UTC"
    ]


def test_a_bad_chain_stays_bad(issue: Issue, device: Any, root: Any, now: datetime) -> None:
    """A chain that was never good is judged with every certificate."""
    issuers = Issuers([root.certificate])
    for _ in range(2):
        assert problems(issuers, device.certificate, now) == ["CN=pump-1 is not signed by CN=root"]
    assert problems(issuers, issue("pump-4", DEVICE, root).certificate, now) == []
    assert problems(issuers, device.certificate, now) == ["CN=pump-1 is not signed by CN=root"]


def test_a_certificate_without_a_chain(root: Any, device: Any, now: datetime) -> None:
    """One that signed itself has nothing above it; another lacks its issuer."""
    issuers = Issuers([])
    assert problems(issuers, root.certificate, now) == []
    assert "the chain is empty" in problems(issuers, device.certificate, now)[0]


def test_an_rsa_ca(issue: Issue, rsa_key: Any, now: datetime) -> None:
    """The same for a CA with an RSA key."""
    root = issue("rsa root", "RootCACertificate", key=rsa_key)
    issuers = Issuers([root.certificate])
    for name in ("pump-5", "pump-6"):
        assert problems(issuers, issue(name, DEVICE, root).certificate, now) == []
    impostor = issue("rsa root", "RootCACertificate")
    other = issue("pump-7", DEVICE, impostor).certificate
    assert problems(issuers, other, now) == ["CN=pump-7 is not signed by CN=rsa root"]


def _two_algorithms(device: Any, issuer: Any) -> x509.Certificate:
    """The certificate, which says ecdsa-with-SHA256 inside, signed with SHA-384 outside."""
    der = device.certificate.public_bytes(Encoding.DER)
    parts = parts_of(der)
    signature = issuer.key.sign(parts.signed, ec.ECDSA(hashes.SHA384()))
    algorithm = parts.algorithm.replace(bytes.fromhex("040302"), bytes.fromhex("040303"))
    bits = bytes([3, len(signature) + 1, 0]) + signature
    content = parts.signed + algorithm + bits
    return x509.load_der_x509_certificate(b"\x30\x82" + len(content).to_bytes(2, "big") + content)
