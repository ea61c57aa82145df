"""Certificates that AWS IoT issues itself: CreateKeysAndCertificate, CreateCertificateFromCsr."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from birthcert.sandbox.iot.answers import invalid_request
from birthcert.sandbox.iot.certificate_checks import check_certificate
from birthcert.sandbox.iot.certificates import DeviceCertificate, DeviceCertificates
from birthcert.sandbox.iot.place import Action, Params, Place, flag, text

SUBJECT: Final = "AWS IoT Certificate"
ISSUER: Final = "birthcert sandbox: AWS IoT's own CA"
NOT_AFTER: Final = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)


class IssuedCertificates:
    """AWS IoT's own CA in one place; it is not among the registered ones."""

    def __init__(self, place: Place, certificates: DeviceCertificates) -> None:
        self._place, self._certificates = place, certificates
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.actions: dict[str, Action] = {
            "CreateKeysAndCertificate": self.create_keys_and_certificate,
            "CreateCertificateFromCsr": self.create_from_csr,
        }

    def create_keys_and_certificate(self, params: Params) -> Params:
        """CreateKeysAndCertificate: an RSA-2048 key pair in the answer, kept nowhere."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
        pair = {
            "PublicKey": key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            "PrivateKey": key.private_bytes(
                Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
            ).decode(),
        }
        return {**self._issued(name, key.public_key(), params), "keyPair": pair}

    def create_from_csr(self, params: Params) -> Params:
        """CreateCertificateFromCsr: subject and key are the CSR's."""
        try:
            csr = x509.load_pem_x509_csr(text(params, "certificateSigningRequest").encode())
        except (ValueError, TypeError) as error:
            raise invalid_request("The CSR cannot be read") from error
        if not csr.is_signature_valid:
            raise invalid_request("The CSR's signature is wrong")
        return self._issued(csr.subject, csr.public_key(), params)

    def _issued(self, subject: x509.Name, key: CertificatePublicKeyTypes, params: Params) -> Params:
        now = self._place.now()
        leaf = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)]))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=2))
            .not_valid_after(NOT_AFTER)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        check_certificate(leaf, "CSR", now)
        status = "ACTIVE" if flag(params, "setAsActive") else "INACTIVE"
        return _answer(self._certificates.add(leaf, None, status, mode="DEFAULT"))


def _answer(certificate: DeviceCertificate) -> Params:
    return {
        "certificateArn": certificate.arn,
        "certificateId": certificate.certificate_id,
        "certificatePem": certificate.pem,
    }
