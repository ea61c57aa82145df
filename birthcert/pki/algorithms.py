"""Key and signing algorithms by AWS's names, and what goes with what."""

from typing import Final, Literal, get_args

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


def iot_refusal(algorithm: str) -> str | None:
    """Why AWS IoT takes no certificate with this key or signing algorithm, or None [9, 24].

    That it refuses P-521 is inferred from its list, which has P-256 and P-384 alone.
    """
    listed = (*get_args(KeyAlgorithm), *get_args(SigningAlgorithm))
    if algorithm in listed:
        return None
    if algorithm.startswith("ML_DSA"):
        return f"AWS IoT lists no ML-DSA, so no device could use a CA of {algorithm} [9]"
    if algorithm.endswith("_PSS"):
        return f"AWS IoT lists no RSA-PSS signatures such as {algorithm} [9, 24]"
    if algorithm == "EC_secp521r1":
        return "AWS IoT lists P-256 and P-384, not EC_secp521r1 [9, 24]"
    return f"AWS IoT does not list {algorithm}; use one of {', '.join(listed)} [9, 24]"


def issuing_algorithm(key_algorithm: str, configured: str) -> str:
    """What a CA signs devices' certificates with: its own algorithm, or one that AWS IoT lists.

    A CA that someone made for RSA-PSS can issue by PKCS#1 too; the family is the key's [9].
    """
    if iot_refusal(configured) is None or key_algorithm not in DEFAULT_SIGNING:
        return configured
    return DEFAULT_SIGNING[key_algorithm]


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


def default_hash(key: PublicKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """The hash that a key of this strength signs with, as DEFAULT_SIGNING has it."""
    if isinstance(key, rsa.RSAPublicKey):
        return hashes.SHA512() if key.key_size >= 4096 else hashes.SHA256()
    if key.curve.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if key.curve.key_size <= 384 else hashes.SHA512()
