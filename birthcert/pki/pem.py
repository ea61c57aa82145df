"""PEM text: certificates apart and together, whatever newlines they came with [rule 17]."""

import binascii
import re
from functools import cache
from typing import Final

_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL
)


def labels(pem: bytes) -> list[str]:
    """The labels of all PEM blocks, in order: `["CERTIFICATE REQUEST"]`."""
    return [label.decode() for label in _LABEL.findall(pem)]


def plain_der(pem: bytes, label: str) -> bytes | None:
    """The DER of a PEM text that is one block and nothing else, unread; None for any other."""
    found = _plain(label).fullmatch(pem)
    if found is None:
        return None
    try:
        return binascii.a2b_base64(found[1].replace(b"\n", b""), strict_mode=True)
    except binascii.Error:
        return None


@cache
def _plain(label: str) -> re.Pattern[bytes]:
    pattern = rf"-----BEGIN {label}-----\n([A-Za-z0-9+/=\n]+)-----END {label}-----\n?"
    return re.compile(pattern.encode())


def split_pem(text: str) -> list[str]:
    """The certificates in a text, in order, each with Unix newlines and one at its end."""
    return [_normal(block) for block in _CERTIFICATE.findall(text)]


def join_pem(*pems: str) -> str:
    """PEM texts one after the other, each ending in exactly one newline; empty ones left out.

    AWS gives certificates without a newline at the end, which makes plain concatenation
    unreadable.
    """
    return "".join(_normal(pem) for pem in pems if pem.strip())


def _normal(pem: str) -> str:
    return "\n".join(filter(None, map(str.strip, pem.splitlines()))) + "\n"
