"""What a device presents: its certificate and the CA's, and the key that stays in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from birthcert.errors import UnusableInput
from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.certificates import (
    certificate_id,
    chain_problems,
    load_certificate,
    public_key_sha256,
    split_pem,
)
from birthcert.pki.keys import load_private_key
from birthcert.pki.names import common_names

CHAIN_FILE: Final = "chain.pem"
CERTIFICATE_MARK: Final = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Identity:
    """A device's certificate, the CA certificates above it, issuer first, and its private key."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def chain_pem(self) -> bytes:
        """The device's certificate, then the CA's: what it presents [31]."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.leaf, *self.chain))

    @property
    def key_pem(self) -> bytes:
        """The key in the clear, for the TLS library's memory alone."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def certificate_id(self) -> str:
        """AWS IoT's id of the certificate."""
        return certificate_id(self.leaf)

    @property
    def common_name(self) -> str:
        """The subject's first CommonName, empty without one."""
        return next(iter(common_names(self.leaf.subject)), "")


def load_identity(
    certificate: Path, key: Path, *, passphrase: Callable[[], bytes], now: datetime
) -> Identity:
    """The identity in two files; `passphrase` is asked only where the key is encrypted.

    A file with the device's certificate alone is completed from `chain.pem` beside it. Raises
    UnusableInput for what cannot be read, a key of another certificate, a chain that is missing,
    broken or in the wrong order, and certificates that are not valid at `now` (aware).
    """
    leaf, *chain = _certificates(certificate)
    if not chain:
        chain = _chain_beside(certificate, leaf)
    private_key = _private_key(key, passphrase)
    problems = chain_problems(leaf, chain, now=now)
    if problems:
        raise UnusableInput(f"{certificate}: {'; '.join(problems)}", remedy=_remedy(problems))
    if public_key_sha256(private_key.public_key()) != public_key_sha256(leaf.public_key()):
        raise UnusableInput(
            f"the key in {key} does not belong to the certificate in {certificate}",
            remedy="give the key that the certificate's CSR was made with",
        )
    return Identity(leaf, tuple(chain), private_key)


def read_file(path: Path, what: str) -> bytes:
    """A file that the user named; UnusableInput calls it `what`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableInput(
            f"{what} {path} cannot be read: {error.strerror or error}",
            remedy="name a readable file",
        ) from error


def _certificates(path: Path) -> list[x509.Certificate]:
    text = read_file(path, "the certificate").decode(errors="replace")
    blocks = split_pem(text)
    if not blocks or len(blocks) != text.count(CERTIFICATE_MARK):
        raise UnusableInput(
            f"{path} holds no certificate in PEM form" if not blocks else f"{path} is cut short",
            remedy=f"give the device's {CHAIN_FILE}: its certificate, then its CA's",
        )
    return [
        load_certificate(block, name=f"certificate {number} of {path}")
        for number, block in enumerate(blocks, start=1)
    ]


def _chain_beside(path: Path, leaf: x509.Certificate) -> list[x509.Certificate]:
    beside = path.with_name(CHAIN_FILE)
    if beside != path and beside.exists():
        first, *chain = _certificates(beside)
        if first == leaf and chain:
            return chain
    raise UnusableInput(
        f"{path} holds the device's certificate without its CA's",
        remedy=f"give {CHAIN_FILE}, or append the CA's certificate: a device presents both [31]",
    )


def _private_key(path: Path, passphrase: Callable[[], bytes]) -> PrivateKey:
    pem = read_file(path, "the private key")
    secret = passphrase() if b"ENCRYPTED" in pem else None
    return load_private_key(pem, secret, name=f"the private key {path}")


def _remedy(problems: list[str]) -> str:
    if any("expired" in problem for problem in problems):
        return "issue the device a new certificate"
    if any("not valid before" in problem for problem in problems):
        return "check this machine's clock"
    return "put the device's certificate first, then its CA's, each signed by the next"
