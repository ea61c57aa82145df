"""The CA certificates registered with AWS IoT in one place, and its registration code [20-24]."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from birthcert import limits
from birthcert.pki.certificates import certificate_id, is_signed_by
from birthcert.sandbox.iot.answers import (
    already_exists,
    certificate_state,
    invalid_request,
    limit_exceeded,
    not_found,
)
from birthcert.sandbox.iot.certificate_checks import (
    check_ca_certificate,
    check_verification_certificate,
    read_certificate,
)
from birthcert.sandbox.iot.names import tags_of
from birthcert.sandbox.iot.paging import CERTIFICATE_PAGE, page_by_marker
from birthcert.sandbox.iot.place import Action, Params, Place, flag, optional_text, structure, text
from birthcert.sandbox.iot.provisioning import ProvisioningRoles, checked_config

DEFAULT: Final = "DEFAULT"
SNI_ONLY: Final = "SNI_ONLY"


@dataclass
class RegisteredCa:
    """A registered CA certificate; statuses are AWS's words, times are UTC."""

    certificate_id: str
    arn: str
    certificate: x509.Certificate
    pem: str
    status: str
    auto_registration: str
    mode: str
    registration_config: dict[str, str] | None
    tags: dict[str, str]
    owner: str
    serial: int
    created_at: datetime
    modified_at: datetime
    customer_version: int = 1
    generation_id: str = field(default_factory=lambda: secrets.token_hex(16))


# the CA in DEFAULT mode of another account of the same region, by certificate id
FindElsewhere = Callable[[str], RegisteredCa | None]


class CaCertificates:
    """The book of registered CA certificates; its actions are AWS's, by AWS's names."""

    def __init__(self, place: Place, roles: ProvisioningRoles, elsewhere: FindElsewhere) -> None:
        self._place, self._roles, self._elsewhere = place, roles, elsewhere
        self._code: str | None = None
        self.by_id: dict[str, RegisteredCa] = {}
        self._by_subject: dict[bytes, list[RegisteredCa]] = {}
        self.actions: dict[str, Action] = {
            "GetRegistrationCode": self.get_registration_code,
            "DeleteRegistrationCode": self.delete_registration_code,
            "RegisterCACertificate": self.register,
            "DescribeCACertificate": self.describe,
            "UpdateCACertificate": self.update,
            "DeleteCACertificate": self.delete,
            "ListCACertificates": self.list_authorities,
        }

    def get_registration_code(self, _params: Params) -> Params:
        """The same 64 hex characters until the code is deleted [20]."""
        if self._code is None:
            self._code = secrets.token_hex(limits.REGISTRATION_CODE_LENGTH // 2)
        return {"registrationCode": self._code}

    def delete_registration_code(self, _params: Params) -> Params:
        """Verification certificates for the old code are worth nothing afterwards [20]."""
        if self._code is None:
            raise not_found("There is no registration code")
        self._code = None
        return {}

    def register(self, params: Params) -> Params:
        """RegisterCACertificate with all its checks [21-24]."""
        pem = text(params, "caCertificate")
        certificate = read_certificate(pem, "CA certificate")
        check_ca_certificate(certificate, self._place.now())
        mode = self._check_mode(params, certificate)
        self._check_new(certificate, mode)
        authority = self._authority(params, certificate, mode)
        self.by_id[authority.certificate_id] = authority
        self._same_subject(certificate.subject).append(authority)
        self._place.touched.append(authority.certificate_id)
        return {"certificateArn": authority.arn, "certificateId": authority.certificate_id}

    def _check_mode(self, params: Params, certificate: x509.Certificate) -> str:
        mode = optional_text(params, "certificateMode") or DEFAULT
        verification = optional_text(params, "verificationCertificate")
        if mode not in (DEFAULT, SNI_ONLY):
            raise invalid_request(f"certificateMode {mode} is not one of {DEFAULT}, {SNI_ONLY}")
        if mode == SNI_ONLY and verification:
            raise invalid_request("verificationCertificate must be empty in SNI_ONLY mode")
        if mode == DEFAULT and not verification:
            raise invalid_request("verificationCertificate must not be empty in DEFAULT mode")
        if verification:
            proof = read_certificate(verification, "verification certificate")
            check_verification_certificate(proof, certificate, self._code, self._place.now())
        return mode

    def _check_new(self, certificate: x509.Certificate, mode: str) -> None:
        identity = certificate_id(certificate)
        known = self.by_id.get(identity)
        if known:
            raise already_exists("CA certificate already exists", known.certificate_id, known.arn)
        other = self._elsewhere(identity) if mode == DEFAULT else None
        if other:  # [inf] the answer when another account has it in DEFAULT mode
            raise already_exists(
                f"The CA certificate is registered by account {other.owner} in DEFAULT mode",
                other.certificate_id,
                other.arn,
            )
        if len(self._same_subject(certificate.subject)) >= limits.IOT_CAS_WITH_ONE_SUBJECT:
            raise limit_exceeded(
                f"{limits.IOT_CAS_WITH_ONE_SUBJECT} CA certificates with this subject "
                "are registered already"
            )

    def _authority(self, params: Params, certificate: x509.Certificate, mode: str) -> RegisteredCa:
        identity, now = certificate_id(certificate), self._place.now()
        config = checked_config(structure(params, "registrationConfig"), self._roles)
        return RegisteredCa(
            certificate_id=identity,
            arn=self._place.arn("cacert", identity),
            certificate=certificate,
            pem=text(params, "caCertificate"),
            status="ACTIVE" if flag(params, "setAsActive") else "INACTIVE",
            auto_registration="ENABLE" if flag(params, "allowAutoRegistration") else "DISABLE",
            mode=mode,
            registration_config=config,
            tags=tags_of(params.get("tags")),
            owner=self._place.account,
            serial=next(self._place.serials),
            created_at=now,
            modified_at=now,
        )

    def _same_subject(self, subject: x509.Name) -> list[RegisteredCa]:
        return self._by_subject.setdefault(subject.public_bytes(), [])

    def find(self, identity: str) -> RegisteredCa:
        """The CA of an id; ResourceNotFoundException where there is none."""
        if identity not in self.by_id:
            raise not_found(f"The CA certificate {identity} does not exist")
        return self.by_id[identity]

    def describe(self, params: Params) -> Params:
        """DescribeCACertificate: all that the model has."""
        authority = self.find(text(params, "certificateId"))
        description: Params = {
            **_summary(authority),
            "certificatePem": authority.pem,
            "ownedBy": authority.owner,
            "autoRegistrationStatus": authority.auto_registration,
            "lastModifiedDate": authority.modified_at,
            "customerVersion": authority.customer_version,
            "generationId": authority.generation_id,
            "validity": {
                "notBefore": authority.certificate.not_valid_before_utc,
                "notAfter": authority.certificate.not_valid_after_utc,
            },
            "certificateMode": authority.mode,
        }
        answer: Params = {"certificateDescription": description}
        config = authority.registration_config
        return answer | ({"registrationConfig": dict(config)} if config else {})

    def update(self, params: Params) -> Params:
        """UpdateCACertificate: everything is checked before anything changes.

        [inf] `removeAutoRegistration` takes the registrationConfig away and leaves the
        auto-registration status, which has a parameter of its own.
        """
        authority = self.find(text(params, "certificateId"))
        status = _one_of(params, "newStatus", ("ACTIVE", "INACTIVE"))
        auto = _one_of(params, "newAutoRegistrationStatus", ("ENABLE", "DISABLE"))
        config = checked_config(structure(params, "registrationConfig"), self._roles)
        remove = flag(params, "removeAutoRegistration")
        if remove and config:
            raise invalid_request(
                "registrationConfig and removeAutoRegistration exclude each other"
            )
        authority.status = status or authority.status
        authority.auto_registration = auto or authority.auto_registration
        if config or remove:
            authority.registration_config = config
        authority.customer_version += 1
        authority.modified_at = self._place.now()
        self._place.touched.append(authority.certificate_id)
        return {}

    def delete(self, params: Params) -> Params:
        """DeleteCACertificate; an ACTIVE one is refused with 406 [32]."""
        authority = self.find(text(params, "certificateId"))
        if authority.status == "ACTIVE":
            raise certificate_state(
                "Certificate must be deactivated (not ACTIVE) before deletion. "
                f"Id: {authority.certificate_id}"
            )
        del self.by_id[authority.certificate_id]
        self._same_subject(authority.certificate.subject).remove(authority)
        self._place.touched.append(authority.certificate_id)
        return {}

    def list_authorities(self, params: Params) -> Params:
        """ListCACertificates: pages of 25, newest first, by template name where one is given."""
        template = optional_text(params, "templateName")
        records = [
            authority
            for authority in self.by_id.values()
            if template is None
            or (authority.registration_config or {}).get("templateName") == template
        ]
        page, marker = page_by_marker(records, params, default=CERTIFICATE_PAGE)
        answer: Params = {"certificates": [_summary(authority) for authority in page]}
        return answer | ({"nextMarker": marker} if marker else {})

    def signers(self, leaf: x509.Certificate) -> Iterable[RegisteredCa]:
        """The registered CAs whose name and key made this signature, newest first."""
        named = self._by_subject.get(leaf.issuer.public_bytes(), [])
        return [ca for ca in reversed(named) if is_signed_by(leaf, ca.certificate)]


def _summary(authority: RegisteredCa) -> Params:
    return {
        "certificateArn": authority.arn,
        "certificateId": authority.certificate_id,
        "status": authority.status,
        "creationDate": authority.created_at,
    }


def _one_of(params: Params, name: str, allowed: tuple[str, ...]) -> str | None:
    value = optional_text(params, name)
    if value is not None and value not in allowed:
        raise invalid_request(f"{name} {value} is not one of {', '.join(allowed)}")
    return value
