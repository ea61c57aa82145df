"""PEM text: certificates apart and together, whatever newlines they came with [rule 17]."""

import re
from typing import Final

_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL
)


def labels(pem: bytes) -> list[str]:
    """The labels of all PEM blocks, in order: `["CERTIFICATE REQUEST"]`."""
    return [label.decode() for label in _LABEL.findall(pem)]


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
