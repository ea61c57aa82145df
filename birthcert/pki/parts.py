"""A certificate's DER taken apart, where it is compared as bytes a million times.

Only for what cryptography has loaded: it refuses DER that could be read in two ways, and nothing
here checks that again.
"""

import hashlib
from typing import Final, NamedTuple

# [0], which only certificates of version 1 lack
_VERSION_TAG: Final = 0xA0


class Parts(NamedTuple):
    """The parts of a certificate, each an element of DER with its tag and length.

    `rest` is all that follows the public key: the extensions, and the unique ids that AWS never
    sets. `signature` is the bare value.
    """

    signed: bytes
    inner_algorithm: bytes
    issuer: bytes
    subject: bytes
    public_key: bytes
    rest: bytes
    algorithm: bytes
    signature: bytes


def parts_of(certificate_der: bytes) -> Parts:
    """Take a certificate apart."""
    signed, algorithm, signature = _elements(certificate_der)
    fields = _elements(signed)
    if fields[0][0] == _VERSION_TAG:
        del fields[0]
    _, inner_algorithm, issuer, _, subject, public_key, *rest = fields
    return Parts(
        signed=signed,
        inner_algorithm=inner_algorithm,
        issuer=issuer,
        subject=subject,
        public_key=public_key,
        rest=b"".join(rest),
        algorithm=algorithm,
        signature=_bits(signature),
    )


def extensions_skeleton(parts: Parts) -> bytes | None:
    """The extensions' DER without the SubjectKeyIdentifier's value.

    Two certificates with one skeleton have the same extensions, except that each names its own
    key's identifier in the one place. None where the value is not there exactly once, so that
    nothing is concluded.
    """
    _, key = _elements(parts.public_key)
    own = hashlib.sha1(_bits(key), usedforsecurity=False).digest()
    return parts.rest.replace(own, b"") if parts.rest.count(own) == 1 else None


def _elements(sequence: bytes) -> list[bytes]:
    """The elements of a SEQUENCE."""
    found = []
    at, end = _content(sequence, 0)
    while at < end:
        _, after = _content(sequence, at)
        found.append(sequence[at:after])
        at = after
    return found


def _bits(bit_string: bytes) -> bytes:
    """The value of a BIT STRING of whole bytes."""
    start, end = _content(bit_string, 0)
    return bit_string[start + 1 : end]


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at a place begins and ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    return start, start + length
