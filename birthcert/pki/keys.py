"""Private keys in and out of PEM; what leaves is always encrypted."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from birthcert.errors import UnusableInput
from birthcert.pki.algorithms import PrivateKey

PASSPHRASE_MAX_BYTES: Final = 1_023  # OpenSSL's limit


def encrypted_pem(key: PrivateKey, passphrase: bytes) -> bytes:
    """The key as encrypted PKCS#8 PEM; UnusableInput for an empty or overlong passphrase."""
    if not passphrase:
        raise UnusableInput(
            "the passphrase for the private keys is empty",
            remedy="give one: keys are written encrypted only",
        )
    if len(passphrase) > PASSPHRASE_MAX_BYTES:
        raise UnusableInput(
            f"the passphrase has {len(passphrase)} bytes",
            remedy=f"choose one of at most {PASSPHRASE_MAX_BYTES} bytes",
        )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def load_private_key(
    pem: bytes, passphrase: bytes | None = None, *, name: str = "the private key"
) -> PrivateKey:
    """The RSA or EC key of a PEM file, encrypted or not; `name` is what the error calls it.

    A passphrase given for a key that is not encrypted is not used. UnusableInput for a missing
    or wrong passphrase, for what is no private key, and for a key of another kind.
    """
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise UnusableInput(f"{name} is encrypted", remedy="give its passphrase")
    try:
        key = serialization.load_pem_private_key(pem, passphrase if encrypted else None)
    except UnsupportedAlgorithm as error:
        raise UnusableInput(
            f"{name} is of a kind that cannot be read ({error})",
            remedy="use an RSA or EC key in PEM form",
        ) from error
    except (ValueError, TypeError) as error:
        raise _unreadable(pem, name, encrypted=encrypted) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnusableInput(
            f"{name} is neither an RSA nor an EC key",
            remedy="AWS IoT takes RSA of 2048 bits or more, P-256 and P-384",
        )
    return key


def _unreadable(pem: bytes, name: str, *, encrypted: bool) -> UnusableInput:
    if encrypted:
        return UnusableInput(
            f"{name} cannot be decrypted with this passphrase",
            remedy="give the passphrase it was encrypted with",
        )
    if b"PRIVATE KEY-----" not in pem:
        return UnusableInput(
            f"{name} is not a private key in PEM form",
            remedy="give the file that begins with '-----BEGIN ... PRIVATE KEY-----'",
        )
    return UnusableInput(
        f"{name} is damaged", remedy="compare it with the original: its PEM cannot be decoded"
    )
