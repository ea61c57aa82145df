"""Certificates read and identified."""

import hashlib
import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from birthcert.errors import UnusableInput
from birthcert.pki.certificates import (
    certificate_id,
    join_pem,
    load_certificate,
    public_key_sha256,
    serial_hex,
    split_pem,
)


def _pem(holder: Any) -> str:
    return str(holder.certificate.public_bytes(Encoding.PEM).decode())


def test_a_certificate_comes_back_from_its_pem(device: Any) -> None:
    """Text and bytes are both read."""
    assert load_certificate(_pem(device)) == device.certificate
    assert load_certificate(_pem(device).encode()) == device.certificate


def test_chains_of_real_certificates_split_and_join(device: Any, root: Any) -> None:
    """Each certificate of a chain is read again after joining without newlines."""
    chain = join_pem(_pem(device).strip(), _pem(root).strip())
    assert [load_certificate(each) for each in split_pem(chain)] == [
        device.certificate,
        root.certificate,
    ]


def test_the_id_is_openssls_fingerprint(device: Any) -> None:
    """AWS IoT's certificate id is SHA-256 over the DER, as openssl computes it."""
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
        input=_pem(device),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    fingerprint = told.strip().partition("=")[2].replace(":", "").lower()
    assert certificate_id(device.certificate) == fingerprint


def test_the_serial_number_is_openssls(device: Any) -> None:
    """The serial number has openssl's digits, in lower-case pairs."""
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-serial"],
        input=_pem(device),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    digits = told.strip().partition("=")[2].lower()
    serial = serial_hex(device.certificate)
    assert serial.replace(":", "") == digits
    assert {len(pair) for pair in serial.split(":")} == {2}


def test_a_certificate_and_its_key_have_one_key_hash(device: Any) -> None:
    """The hash is of the key, wherever it comes from."""
    own = public_key_sha256(device.key.public_key())
    assert public_key_sha256(device.certificate.public_key()) == own
    assert len(own) == hashlib.sha256().digest_size * 2


@pytest.mark.parametrize(
    ("pem", "what"),
    [
        pytest.param("", "ca.pem holds no PEM block", id="empty"),
        pytest.param(
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
            "holds PRIVATE KEY where one CERTIFICATE belongs",
            id="a key",
        ),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "cannot be decoded",
            id="damaged",
        ),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" * 2,
            "holds CERTIFICATE, CERTIFICATE where one",
            id="two",
        ),
    ],
)
def test_what_is_not_one_certificate_is_refused(pem: str, what: str) -> None:
    """The error names the file and what it holds."""
    with pytest.raises(UnusableInput, match=what):
        load_certificate(pem, name="ca.pem")


@given(st.binary(max_size=200))
def test_damaged_certificates_are_refused_and_nothing_else(junk: bytes) -> None:
    """No bytes make the reader fail in another way than UnusableInput."""
    pem = b"-----BEGIN CERTIFICATE-----\n" + junk + b"\n-----END CERTIFICATE-----\n"
    with pytest.raises(UnusableInput):
        load_certificate(pem)
