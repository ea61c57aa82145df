"""What AWS gave, checked against what was asked for, before a device gets it."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from birthcert.errors import BirthcertError, UnusableInput
from birthcert.issuance.devices import Device
from birthcert.pki.certificates import (
    chain_problems,
    is_signed_by,
    load_certificate,
    public_key_sha256,
    split_pem,
    template_problems,
)
from birthcert.pki.names import common_names


class UnexpectedCertificate(BirthcertError):
    """The certificate that was issued is not the one that was asked for."""


def examine(
    device: Device,
    *,
    template: str,
    certificate_pem: str,
    chain_pem: str,
    authority_pem: str,
    now: datetime,
) -> x509.Certificate:
    """The device's certificate, after it passed: key, name, template's extensions, chain [7, 17].

    UnexpectedCertificate names everything that is wrong with it.
    """
    try:
        certificate = load_certificate(certificate_pem)
        chain, authority = _certificates(chain_pem), _certificates(authority_pem)
    except UnusableInput as error:
        raise _unexpected(device, [error.what]) from error
    problems = [
        *_identity_problems(certificate, device),
        *template_problems(certificate, template),
        *chain_problems(certificate, chain, now=now),
    ]
    if chain[:1] != authority and not is_signed_by(certificate, authority[0]):
        problems.append("it is not signed by the certificate authority that was asked")
    if problems:
        raise _unexpected(device, problems)
    return certificate


def _identity_problems(certificate: x509.Certificate, device: Device) -> list[str]:
    problems = []
    if public_key_sha256(certificate.public_key()) != device.csr.public_key_sha256:
        problems.append("its public key is not the CSR's")
    if common_names(certificate.subject) != [device.device_id]:
        names = ", ".join(common_names(certificate.subject)) or "none"
        problems.append(f"its CommonName is {names}, not {device.device_id}")
    return problems


@lru_cache(maxsize=8)
def _certificates(pem: str) -> list[x509.Certificate]:
    """A chain's certificates: the same few chains come with every device of a batch."""
    return [load_certificate(each) for each in split_pem(pem)]


def _unexpected(device: Device, problems: Sequence[str]) -> UnexpectedCertificate:
    return UnexpectedCertificate(
        f"the certificate issued for {device.device_id} was not written: {'; '.join(problems)}",
        remedy="revoke it",
        device_id=device.device_id,
    )
