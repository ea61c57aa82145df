"""What AWS IoT looks at in a certificate before it registers one [21-24]; pure."""

from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from birthcert import limits
from birthcert.errors import UnusableInput
from birthcert.pki.certificates import is_signed_by, load_certificate
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.answers import invalid_certificate, invalid_request

SIGNATURES: Final = frozenset(
    {
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    }
)
# P-521 stands in the model's text of CreateCertificateFromCsr [inf for registrations]
CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def read_certificate(pem: str, what: str) -> x509.Certificate:
    """The one certificate of a PEM text; CertificateValidationException otherwise [23]."""
    if len(pem) > limits.IOT_CA_CERTIFICATE_MAX_LENGTH:
        raise invalid_request(
            f"The {what} has {len(pem)} characters; at most "
            f"{limits.IOT_CA_CERTIFICATE_MAX_LENGTH} are allowed"
        )
    try:
        return load_certificate(pem, name=f"The {what}")
    except UnusableInput as error:
        raise invalid_certificate(f"{error.what}.") from error


def check_certificate(certificate: x509.Certificate, what: str, now: datetime) -> None:
    """CertificateValidationException unless validity, key and signature fit [24]."""
    if now > certificate.not_valid_after_utc:
        raise invalid_certificate(f"The {what} is expired.")
    if now < certificate.not_valid_before_utc:
        raise invalid_certificate(f"The {what} is not yet valid.")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < limits.RSA_MIN_BITS:
        raise invalid_certificate(
            f"The {what} has an RSA key of {key.key_size} bits; "
            f"at least {limits.RSA_MIN_BITS} are required."
        )
    elliptic = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)
    if not elliptic and not isinstance(key, rsa.RSAPublicKey):
        raise invalid_certificate(f"The {what} has a key of an unsupported kind.")
    if certificate.signature_algorithm_oid not in SIGNATURES:
        raise invalid_certificate(
            f"The {what} is signed with an unsupported algorithm; "
            "use SHA256, SHA384 or SHA512 with RSA or ECDSA."
        )


def check_ca_certificate(certificate: x509.Certificate, now: datetime) -> None:
    """All that AWS checks of a CA certificate, CA:TRUE first [24]."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise invalid_certificate("The CA certificate has no basic constraints.") from error
    if not constraints.ca:
        raise invalid_certificate("The CA certificate is not a CA: its basicConstraints say so.")
    check_certificate(certificate, "CA certificate", now)


def check_verification_certificate(
    verification: x509.Certificate, authority: x509.Certificate, code: str | None, now: datetime
) -> None:
    """The proof of possession: signed by the CA, and its CN is the registration code [22]."""
    if not is_signed_by(verification, authority):
        raise invalid_certificate(
            "The verification certificate is not signed by the given CA certificate."
        )
    check_certificate(verification, "verification certificate", now)
    names = [
        name.value for name in verification.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if code is None or names != [code]:
        raise AwsError(
            "RegistrationCodeValidationException",
            "The common name of the verification certificate is not the registration code "
            "of this account and region.",
        )
