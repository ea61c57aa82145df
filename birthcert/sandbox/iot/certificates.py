"""The device certificates registered with AWS IoT in one place [25, 32]."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.pki.certificates import certificate_id
from birthcert.sandbox.iot.answers import (
    already_exists,
    certificate_conflict,
    certificate_state,
    invalid_certificate,
    invalid_request,
    not_found,
)
from birthcert.sandbox.iot.ca_certificates import SNI_ONLY, CaCertificates, RegisteredCa
from birthcert.sandbox.iot.certificate_checks import check_certificate, read_certificate
from birthcert.sandbox.iot.paging import CERTIFICATE_PAGE, page_by_marker
from birthcert.sandbox.iot.place import Action, Params, Place, flag, optional_text, text

STATUSES_TO_REGISTER: Final = ("ACTIVE", "INACTIVE", "REVOKED")
STATUSES_TO_SET: Final = ("ACTIVE", "INACTIVE", "REVOKED")


@dataclass
class DeviceCertificate:
    """A registered device certificate; `subject` is RFC 4514, times are UTC."""

    certificate_id: str
    arn: str
    pem: str
    status: str
    ca_certificate_id: str | None
    mode: str
    subject: str
    not_before: datetime
    not_after: datetime
    serial: int
    created_at: datetime
    modified_at: datetime
    customer_version: int = 1
    generation_id: str = field(default_factory=lambda: secrets.token_hex(16))


class DeviceCertificates:
    """The book of device certificates; its actions are AWS's, by AWS's names."""

    def __init__(self, place: Place, authorities: CaCertificates) -> None:
        self._place, self._authorities = place, authorities
        self.by_id: dict[str, DeviceCertificate] = {}
        self._by_ca: dict[str, dict[str, DeviceCertificate]] = {}
        self.actions: dict[str, Action] = {
            "RegisterCertificate": self.register,
            "RegisterCertificateWithoutCA": self.register_without_ca,
            "DescribeCertificate": self.describe,
            "UpdateCertificate": self.update,
            "ListCertificates": self.list_certificates,
            "ListCertificatesByCA": self.list_by_ca,
        }

    def register(self, params: Params) -> Params:
        """RegisterCertificate: signed by a registered CA, and in that CA's mode [21]."""
        leaf = read_certificate(text(params, "certificatePem"), "certificate")
        check_certificate(leaf, "certificate", self._place.now())
        authority = self._signer(leaf, optional_text(params, "caCertificatePem"))
        if authority.status != "ACTIVE":
            raise certificate_state(
                f"The CA certificate {authority.certificate_id} is {authority.status}"
            )
        return _registered(self.add(leaf, authority, _status_asked(params)))

    def _signer(self, leaf: x509.Certificate, ca_pem: str | None) -> RegisteredCa:
        signers = list(self._authorities.signers(leaf))
        if ca_pem is not None:
            given = certificate_id(read_certificate(ca_pem, "CA certificate"))
            signers = [ca for ca in signers if ca.certificate_id == given]
        if not signers:
            raise invalid_certificate(
                "The certificate is not signed by a CA certificate registered in this account."
            )
        if len(signers) > 1:
            raise certificate_conflict(
                f"{len(signers)} registered CA certificates have the subject and public key of "
                "the certificate's issuer; give caCertificatePem"
            )
        return signers[0]

    def register_without_ca(self, params: Params) -> Params:
        """RegisterCertificateWithoutCA: always in SNI_ONLY mode [21]."""
        leaf = read_certificate(text(params, "certificatePem"), "certificate")
        check_certificate(leaf, "certificate", self._place.now())
        return _registered(self.add(leaf, None, _status_asked(params), mode=SNI_ONLY))

    def add(
        self, leaf: x509.Certificate, authority: RegisteredCa | None, status: str, mode: str = ""
    ) -> DeviceCertificate:
        """Enter a certificate; ResourceAlreadyExistsException where it is there [21]."""
        identity, now = certificate_id(leaf), self._place.now()
        if identity in self.by_id:
            raise already_exists(
                "The certificate is already provisioned or registered",
                identity,
                self.by_id[identity].arn,
            )
        certificate = DeviceCertificate(
            certificate_id=identity,
            arn=self._place.arn("cert", identity),
            pem=leaf.public_bytes(Encoding.PEM).decode(),
            status=status,
            ca_certificate_id=authority.certificate_id if authority else None,
            mode=authority.mode if authority else mode,
            subject=leaf.subject.rfc4514_string(),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            serial=next(self._place.serials),
            created_at=now,
            modified_at=now,
        )
        self.by_id[identity] = certificate
        if authority:
            self._by_ca.setdefault(authority.certificate_id, {})[identity] = certificate
        self._place.touched.append(identity)
        return certificate

    def find(self, identity: str) -> DeviceCertificate:
        """The certificate of an id; ResourceNotFoundException where there is none."""
        if identity not in self.by_id:
            raise not_found(f"The certificate {identity} does not exist")
        return self.by_id[identity]

    def describe(self, params: Params) -> Params:
        """DescribeCertificate: all that the model has."""
        certificate = self.find(text(params, "certificateId"))
        description: Params = {
            **_summary(certificate),
            "certificatePem": certificate.pem,
            "ownedBy": self._place.account,
            "lastModifiedDate": certificate.modified_at,
            "customerVersion": certificate.customer_version,
            "transferData": {},
            "generationId": certificate.generation_id,
            "validity": {"notBefore": certificate.not_before, "notAfter": certificate.not_after},
        }
        if certificate.ca_certificate_id:
            description["caCertificateId"] = certificate.ca_certificate_id
        return {"certificateDescription": description}

    def update(self, params: Params) -> Params:
        """UpdateCertificate: never to a PENDING status; REVOKED cannot be undone [32]."""
        certificate = self.find(text(params, "certificateId"))
        status = text(params, "newStatus")
        if status not in STATUSES_TO_SET:
            raise invalid_request(
                f"A certificate cannot be set to {status}; only to {', '.join(STATUSES_TO_SET)}"
            )
        if certificate.status == "REVOKED" and status != "REVOKED":
            raise certificate_state(
                f"The certificate is revoked, which cannot be undone. "
                f"Id: {certificate.certificate_id}"
            )
        self.set_status(certificate, status)
        return {}

    def set_status(self, certificate: DeviceCertificate, status: str) -> None:
        """Change a status, whatever it was: the provisioning itself may do that."""
        if certificate.status == status:
            return
        certificate.status = status
        certificate.customer_version += 1
        certificate.modified_at = self._place.now()
        self._place.touched.append(certificate.certificate_id)

    def remove(self, certificate: DeviceCertificate) -> None:
        """Forget a certificate; whether it may go is the caller's question."""
        del self.by_id[certificate.certificate_id]
        if certificate.ca_certificate_id:
            del self._by_ca[certificate.ca_certificate_id][certificate.certificate_id]
        self._place.touched.append(certificate.certificate_id)

    def list_certificates(self, params: Params) -> Params:
        """ListCertificates: pages of 25, newest first."""
        return _page(self.by_id, params)

    def list_by_ca(self, params: Params) -> Params:
        """ListCertificatesByCA; [inf] a CA that is not registered has no certificates."""
        return _page(self._by_ca.get(text(params, "caCertificateId"), {}), params)


def _page(records: dict[str, DeviceCertificate], params: Params) -> Params:
    page, marker = page_by_marker(records.values(), params, default=CERTIFICATE_PAGE)
    answer: Params = {"certificates": [_summary(certificate) for certificate in page]}
    return answer | ({"nextMarker": marker} if marker else {})


def _summary(certificate: DeviceCertificate) -> Params:
    return {
        "certificateArn": certificate.arn,
        "certificateId": certificate.certificate_id,
        "status": certificate.status,
        "certificateMode": certificate.mode,
        "creationDate": certificate.created_at,
    }


def _registered(certificate: DeviceCertificate) -> Params:
    return {
        "certificateArn": certificate.arn,
        "certificateId": certificate.certificate_id,
    }


def _status_asked(params: Params) -> str:
    status = optional_text(params, "status")
    if status is not None and status not in STATUSES_TO_REGISTER:
        raise invalid_request(
            f"A certificate cannot be registered as {status}; "
            f"only as {', '.join(STATUSES_TO_REGISTER)}"
        )
    return status or ("ACTIVE" if flag(params, "setAsActive") else "INACTIVE")
