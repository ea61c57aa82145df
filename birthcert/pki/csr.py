"""Certificate signing requests: made, and read with suspicion [rules 10, 24, 26]."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert import limits
from birthcert.errors import UnusableInput
from birthcert.pki.algorithms import PrivateKey, PublicKey
from birthcert.pki.certificates import public_key_sha256
from birthcert.pki.names import common_names, x509_name
from birthcert.pki.pem import labels, plain_der

if TYPE_CHECKING:
    # a helper process reads CSRs, and starts in a third of the time without pydantic
    from birthcert.models import Subject

# AWS IoT's documentation lists these two for certificates signed by a CA of one's own; that it
# refuses P-521 is inferred from that list.
DEVICE_CURVES: Final = {"secp256r1": "EC_prime256v1", "secp384r1": "EC_secp384r1"}
_LABEL: Final = "CERTIFICATE REQUEST"
_LABELS: Final = {_LABEL, f"NEW {_LABEL}"}
_UNREADABLE: Final = (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm)


class UnusableCsr(UnusableInput):
    """A CSR that must not be sent to AWS; `reason` is the sentence for the report."""

    @property
    def reason(self) -> str:
        """Why, without the remedy."""
        return self.what


class Csr(NamedTuple):
    """A CSR that was read and found good.

    `pem` is written anew from the DER, so text around the block does not travel to AWS.
    `sha256` is of the DER and `public_key_sha256` of the DER SubjectPublicKeyInfo, both in hex.
    """

    pem: bytes
    common_names: tuple[str, ...]
    public_key_sha256: str
    sha256: str
    key_algorithm: str

    @property
    def common_name(self) -> str | None:
        """The first one, None without any."""
        return self.common_names[0] if self.common_names else None

    @property
    def subject(self) -> x509.Name:
        """The subject, decoded anew."""
        return x509.load_pem_x509_csr(self.pem).subject


def build_csr(key: PrivateKey, subject: "Subject") -> bytes:
    """A PEM CSR over the key, with the subject and no extensions."""
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509_name(subject))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def read_csr(pem: bytes) -> Csr:
    """Read a device's CSR and check all that AWS checks; its own hash algorithm does not matter.

    UnusableCsr (with `reason`) for: more than 32,768 bytes; not one PEM block of a CSR;
    undecodable; RSA under 2048 bits; a curve other than P-256 and P-384; another kind of key;
    a signature that is not by the CSR's own key.
    """
    _check_envelope(pem)
    try:
        request = x509.load_pem_x509_csr(pem)
        names, key = common_names(request.subject), request.public_key()
    except _UNREADABLE as error:
        raise UnusableCsr(
            "the CSR cannot be decoded", remedy="make it again on the device", detail=str(error)
        ) from error
    device_key, algorithm = _device_key(key)
    _check_signature(request, device_key)
    return Csr(
        pem=request.public_bytes(Encoding.PEM),
        common_names=tuple(names),
        public_key_sha256=public_key_sha256(key),
        sha256=hashlib.sha256(request.public_bytes(Encoding.DER)).hexdigest(),
        key_algorithm=algorithm,
    )


def read_csrs(pems: Iterable[bytes | UnusableInput]) -> list[Csr | UnusableInput]:
    """Each CSR read, or what is wrong with it; what is no CSR already stays as it is."""
    return [pem if isinstance(pem, UnusableInput) else _read(pem) for pem in pems]


def _read(pem: bytes) -> Csr | UnusableInput:
    try:
        return read_csr(pem)
    except UnusableInput as error:
        return error


def plain_csr_sha256(pem: bytes) -> str | None:
    """What `read_csr` gives as `sha256`, of a PEM text that is one CSR and nothing else, unread;
    None for any other text. So a CSR is known again without decoding it."""
    der = plain_der(pem, _LABEL) if len(pem) <= limits.CSR_MAX_BYTES else None
    return hashlib.sha256(der).hexdigest() if der is not None else None


def csr_name_problem(csr: Csr, device_id: str) -> str | None:
    """Why this CSR is not that device's, or None: its one CommonName must be the device id.

    Without this check one factory could have another's devices certified.
    """
    names = csr.common_names
    if not names:
        return f"the CSR has no CommonName: it must be the device id {device_id!r}"
    if len(names) > 1:
        return f"the CSR has {len(names)} CommonNames: it must have one, the device id"
    if names[0] != device_id:
        return f"the CSR's CommonName {names[0]!r} is not the device id {device_id!r}"
    return None


def _check_envelope(pem: bytes) -> None:
    if len(pem) > limits.CSR_MAX_BYTES:
        raise UnusableCsr(
            f"the CSR has {len(pem)} bytes, over AWS's {limits.CSR_MAX_BYTES}",
            remedy="send the bare CSR",
        )
    found = labels(pem)
    if not found:
        raise UnusableCsr(
            "the CSR is not in PEM form",
            remedy="convert it: openssl req -inform DER -in FILE -outform PEM",
        )
    if len(found) > 1:
        raise UnusableCsr(
            f"the CSR's file holds {len(found)} PEM blocks ({', '.join(found[:4])})",
            remedy="leave one CSR in it and nothing else",
        )
    if found[0] not in _LABELS:
        raise UnusableCsr(
            f"the CSR's file holds a {found[0]}, not a CERTIFICATE REQUEST",
            remedy="send the CSR; a private key never leaves its device",
        )


def _device_key(key: object) -> tuple[PublicKey, str]:
    """The key, if AWS IoT takes it, and its algorithm by AWS's name."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < limits.RSA_MIN_BITS:
            raise UnusableCsr(
                f"the CSR's RSA key has {key.key_size} bits, under {limits.RSA_MIN_BITS}",
                remedy="make a key of 2048 bits or more",
            )
        return key, f"RSA_{key.key_size}"
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise UnusableCsr(
            f"the CSR's key is a {type(key).__name__}, neither RSA nor EC",
            remedy="make an RSA, P-256 or P-384 key",
        )
    if key.curve.name not in DEVICE_CURVES:
        raise UnusableCsr(
            f"the CSR's key is on the curve {key.curve.name}, which AWS IoT does not take",
            remedy="make a P-256 or P-384 key",
        )
    return key, DEVICE_CURVES[key.curve.name]


def _check_signature(request: x509.CertificateSigningRequest, key: PublicKey) -> None:
    try:
        verify_signature(request, key)
    except InvalidSignature as error:
        raise UnusableCsr(
            "the CSR's signature is wrong: it was changed, or made with another key",
            remedy="make it again on the device",
        ) from error
    except _UNREADABLE as error:
        raise UnusableCsr(
            "the CSR's signature is of a kind that cannot be checked",
            remedy="sign it with SHA-256",
            detail=str(error),
        ) from error


def verify_signature(request: x509.CertificateSigningRequest, key: PublicKey) -> None:
    """Raises InvalidSignature unless the CSR is signed by its own key, whatever the hash."""
    # not request.is_signature_valid: it calls every signature over SHA-1 or MD5 a wrong one
    signed, signature = request.tbs_certrequest_bytes, request.signature
    hash_algorithm = request.signature_hash_algorithm
    if hash_algorithm is None:
        raise InvalidSignature
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(hash_algorithm))
        return
    pss = request.signature_algorithm_parameters
    scheme = pss if isinstance(pss, padding.PSS) else padding.PKCS1v15()
    key.verify(signature, signed, scheme, hash_algorithm)
