"""A tenant ready for devices, made by the domain's own steps, and devices of it as files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from birthcert.aws import authority, iam, private_ca, provisioning, registration
from birthcert.aws.access import AwsAccess
from birthcert.connecting import ConnectReport, ConnectRequest, connect_here
from birthcert.device.dialling import Schedule
from birthcert.device.identity import Identity, load_identity
from birthcert.device.target import Target
from birthcert.models import (
    BootstrapRequest,
    CertificateAuthority,
    IssuingAuthority,
    Place,
    Subject,
)
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.pki.keys import encrypted_pem
from birthcert.pki.names import x509_name
from birthcert.pki.pem import join_pem
from birthcert.reaching import given_target, target_of
from birthcert.settings import Settings

PASSPHRASE = b"open sesame"
QUICK = Schedule(first_pause_seconds=0.02)


@dataclass(frozen=True)
class DeviceFiles:
    """A device's files; the key is in the clear unless it was asked for encrypted."""

    name: str
    folder: Path

    @property
    def chain(self) -> Path:
        return self.folder / "chain.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "private.pem"

    @property
    def identity(self) -> Identity:
        now = datetime.now(UTC)
        return load_identity(self.chain, self.key, passphrase=lambda: PASSPHRASE, now=now)


@dataclass
class Tenant:
    """A tenant's CA in one place, as the bootstrap leaves it."""

    aws: AwsAccess
    place: Place
    request: BootstrapRequest
    authority: CertificateAuthority
    ca_certificate_id: str
    folder: Path

    @property
    def issuing(self) -> IssuingAuthority:
        """The CA with the template that its registration has now."""
        return registration.with_template(self.aws, self.authority)

    @property
    def target(self) -> Target:
        """Where its devices connect."""
        return target_of(provisioning.describe_endpoint(self.aws), given_target(Settings()))

    def device(self, name: str, *, encrypted: bool = False, **subject: str) -> DeviceFiles:
        """A device with a fresh certificate."""
        folder = self.folder / name
        folder.mkdir()
        key = generate_private_key("EC_prime256v1")
        csr = build_csr(key, Subject(common_name=name, **subject))
        arn = private_ca.issue(
            self.aws,
            self.authority,
            csr,
            template="EndEntityClientAuthCertificate/V1",
            partition="aws",
            validity={"Type": "DAYS", "Value": 30},
            token=name,
        )
        leaf = private_ca.wait_for_certificate(self.aws, self.authority.arn, arn).certificate_pem
        clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        files = DeviceFiles(name, folder)
        files.certificate.write_text(join_pem(leaf))
        files.chain.write_text(join_pem(leaf, self.authority.certificate_pem))
        files.key.write_bytes(encrypted_pem(key, PASSPHRASE) if encrypted else clear)
        return files

    def connect(self, device: DeviceFiles, **facts: Any) -> ConnectReport:
        """`birthcert connect` for a device, with short pauses."""
        request = {"tenant": "acme", "certificate": device.chain, "key": device.key, **facts}
        return connect_here(ConnectRequest.model_validate(request), schedule=QUICK)

    def iot(self, action: str, **parameters: Any) -> dict[str, Any]:
        """A call to AWS IoT."""
        return self.aws.call("iot", action, **parameters)

    def use_template(self, body: str) -> None:
        """Put another provisioning template on the registration."""
        role = f"arn:aws:iam::{self.place.account}:role/{self.request.role_name}"
        config = {"templateBody": body, "roleArn": role}
        self.iot(
            "UpdateCACertificate", certificateId=self.ca_certificate_id, registrationConfig=config
        )


MakeTenant = Callable[..., Tenant]


@pytest.fixture
def make_tenant(aws: AwsAccess, place: Place, tmp_path: Path) -> MakeTenant:
    """Make the tenant acme, with changes to its bootstrap request."""

    def make(**facts: Any) -> Tenant:
        options = {"key_algorithm": "EC_prime256v1"}
        request = BootstrapRequest.model_validate(
            {"tenant": "acme", "certificate_authority": options, **facts}
        )
        ca = authority.ensure_certificate_authority(aws, request, place)
        ca = authority.install_root_certificate(aws, ca, validity_days=365, place=place)
        proof = None
        if request.registration_mode == "DEFAULT":
            code = registration.get_registration_code(aws)
            proof = registration.issue_verification_certificate(
                aws, ca, code, request.verification_certificate, place
            )
        registered = registration.register_ca_certificate(aws, ca, proof, request, place)
        provisioning.ensure_thing_type(aws, request, place)
        provisioning.ensure_device_policy(aws, request, place)
        role = iam.ensure_provisioning_role(aws, request, place)
        provisioning.attach_provisioning_template(aws, registered, role, request)
        return Tenant(aws, place, request, ca, registered.certificate_id, tmp_path)

    return make


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Tenant:
    """The tenant acme, ready."""
    return make_tenant()


class PaperCa:
    """A CA without AWS, for devices that connect to nothing."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("paper CA", self.key, days=30, ca=True)
        self.pem = self.certificate.public_bytes(Encoding.PEM).decode()

    def device(self, folder: Path, name: str = "paper-1", *, days: int = 5) -> DeviceFiles:
        """A device of this CA; a negative number of days ago it expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._sign(name, key, days=days, ca=False).public_bytes(Encoding.PEM).decode()
        files = DeviceFiles(name, folder)
        files.certificate.write_text(leaf)
        files.chain.write_text(leaf + self.pem)
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files

    def _sign(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, days: int, ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            subject_name=x509_name(Subject(common_name=name)),
            issuer_name=x509_name(Subject(common_name="paper CA")),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=20),
            not_valid_after=now + timedelta(days=days),
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture(scope="session")
def paper_ca() -> PaperCa:
    """A CA without AWS."""
    return PaperCa()


@pytest.fixture
def paper_device(paper_ca: PaperCa, tmp_path: Path) -> DeviceFiles:
    """A device of it, good for a few days."""
    return paper_ca.device(tmp_path)
