"""Key and signing algorithms by AWS's names, and what goes with what."""

from typing import Final, Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

KeyAlgorithm = Literal["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1"]
SigningAlgorithm = Literal[
    "SHA256WITHRSA",
    "SHA384WITHRSA",
    "SHA512WITHRSA",
    "SHA256WITHECDSA",
    "SHA384WITHECDSA",
    "SHA512WITHECDSA",
]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

RSA_BITS: Final[dict[str, int]] = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {
    "EC_prime256v1": ec.SECP256R1,
    "EC_secp384r1": ec.SECP384R1,
    "EC_secp521r1": ec.SECP521R1,
}
HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
DEFAULT_SIGNING: Final[dict[KeyAlgorithm, SigningAlgorithm]] = {
    "RSA_2048": "SHA256WITHRSA",
    "RSA_3072": "SHA256WITHRSA",
    "RSA_4096": "SHA512WITHRSA",
    "EC_prime256v1": "SHA256WITHECDSA",
    "EC_secp384r1": "SHA384WITHECDSA",
}


def family(algorithm: str) -> str:
    """`RSA`, `EC` or another family of a key or signing algorithm's AWS name."""
    if algorithm.startswith("RSA") or "WITHRSA" in algorithm:
        return "RSA"
    if algorithm.startswith("EC_") or algorithm.endswith("WITHECDSA"):
        return "EC"
    return "SM2" if "SM2" in algorithm else "ML_DSA"


def generate_private_key(algorithm: str) -> PrivateKey:
    """A fresh key of one of AWS's key algorithms; ValueError for one that is not RSA or EC."""
    if algorithm in RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS[algorithm])
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    raise ValueError(f"no key of algorithm {algorithm} can be made here")


def hash_of(signing_algorithm: str) -> hashes.HashAlgorithm:
    """The hash of a signing algorithm such as `SHA256WITHRSA`."""
    return HASHES[signing_algorithm.partition("WITH")[0]]()
