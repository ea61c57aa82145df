"""What AWS gave, checked against what was asked for, before a device gets it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509

from birthcert.errors import BirthcertError, UnusableInput
from birthcert.pki.certificates import (
    UNREADABLE,
    is_signed_by,
    load_certificate,
    opened,
    public_key_sha256,
    serial_hex,
    split_pem,
    template_problems,
)
from birthcert.pki.issuers import Issuers
from birthcert.pki.names import common_names
from birthcert.pki.parts import Parts, extensions_skeleton

# Certificates of one CA and template differ in few of their extensions' forms.
_FORMS_REMEMBERED: Final = 1_024
_good_forms: set[tuple[str, bytes]] = set()


class UnexpectedCertificate(BirthcertError):
    """The certificate that was issued is not the one that was asked for."""


@dataclass(frozen=True)
class Received:
    """A device's certificate and its chain (issuer ... root) as AWS gave them at `now`."""

    device_id: str
    public_key_sha256: str
    template: str
    certificate_pem: str
    chain_pem: str
    authority_pem: str
    now: datetime


@dataclass(frozen=True)
class Examined:
    """What a certificate that passed says of itself; the serial number in AWS's form."""

    serial_number: str
    not_before: datetime
    not_after: datetime


def examine(received: Received) -> Examined:
    """The certificate's facts, after it passed: key, name, template's extensions, chain [7, 17].

    UnexpectedCertificate names everything that is wrong with it.
    """
    try:
        certificate, parts = opened(received.certificate_pem)
        problems = _identity_problems(certificate, parts, received)
        issuers, authority = _issuers(received.chain_pem), _certificates(received.authority_pem)
    except UnusableInput as error:
        raise _unexpected(received, [error.what]) from error
    except UNREADABLE as error:
        raise _unexpected(received, ["the certificate cannot be decoded"]) from error
    problems += _template_problems(certificate, parts, received.template)
    problems += issuers.problems(certificate, parts, now=received.now)
    if issuers.chain[:1] != authority and not is_signed_by(certificate, authority[0]):
        problems.append("it is not signed by the certificate authority that was asked")
    if problems:
        raise _unexpected(received, problems)
    return Examined(
        serial_hex(certificate), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    )


def _identity_problems(
    certificate: x509.Certificate, parts: Parts, received: Received
) -> list[str]:
    problems, names = [], common_names(certificate.subject)
    if not _is_key(received.public_key_sha256, certificate, parts):
        problems.append("its public key is not the CSR's")
    if names != [received.device_id]:
        problems.append(f"its CommonName is {', '.join(names) or 'none'}, not {received.device_id}")
    return problems


def _is_key(wanted: str, certificate: x509.Certificate, parts: Parts) -> bool:
    """Whether the certificate's key has this hash; it need not be decoded where it is plain."""
    if hashlib.sha256(parts.public_key).hexdigest() == wanted:
        return True
    return public_key_sha256(certificate.public_key()) == wanted


def _template_problems(certificate: x509.Certificate, parts: Parts, template: str) -> list[str]:
    """What `template_problems` finds; a form of the extensions that was good once is good.

    The form is their DER without what follows from the certificate's own key, so one is judged
    for a whole batch.
    """
    skeleton = extensions_skeleton(parts)
    form = (template, skeleton) if skeleton is not None else None
    if form in _good_forms:
        return []
    problems = template_problems(certificate, template)
    if form and not problems and len(_good_forms) < _FORMS_REMEMBERED:
        _good_forms.add(form)
    return problems


@lru_cache(maxsize=8)
def _issuers(chain_pem: str) -> Issuers:
    return Issuers(_certificates(chain_pem))


@lru_cache(maxsize=8)
def _certificates(pem: str) -> list[x509.Certificate]:
    """A chain's certificates: the same few chains come with every device of a batch."""
    return [load_certificate(each) for each in split_pem(pem)]


def _unexpected(received: Received, problems: Sequence[str]) -> UnexpectedCertificate:
    return UnexpectedCertificate(
        f"the certificate issued for {received.device_id} was not written: {'; '.join(problems)}",
        remedy="revoke it",
        device_id=received.device_id,
    )
