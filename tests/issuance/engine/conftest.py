"""A certificate authority of one's own, devices for it, and a ledger, for the engine's tests."""

import fcntl
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device
from birthcert.issuance.engine import issue_chunk
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.outlet import FilesOutlet
from birthcert.ledger.ledger import Ledger
from birthcert.models import Place, Subject
from birthcert.pki.csr import build_csr, read_csr
from birthcert.pki.templates import CA_USAGE, template_arn, template_of

ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/fake"
PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
TOKEN_LIFE = timedelta(minutes=5)


@dataclass
class Clock:
    """A clock that tests move by hand."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        """Move on by a timedelta's arguments."""
        self.now += timedelta(**delta)


class FakeAuthority:
    """Signs really, knows tokens for five minutes as AWS does, and can be told to fail.

    What it sold lies in a folder, one file a certificate, so that processes can share it.
    `before` and `after` are called around the work of each call, with its action and subject.
    """

    arn = ARN

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, clock: Clock) -> None:
        self.folder, self.clock, self._key = folder, clock, key
        folder.mkdir(exist_ok=True)
        self.not_after = datetime.now(UTC) + timedelta(days=3650)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake CA")])
        self.certificate_pem = self._own_certificate()
        self.ready_after_seconds = 0.0
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, str], None] = lambda _action, _subject: None
        self.after: Callable[[str, str], None] = lambda _action, _subject: None
        self.alter: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] = lambda it: it
        self.wrong_key: Any = None
        self._lock = threading.Lock()
        self._sold_at: dict[str, float] = {}

    def issue(
        self,
        csr_pem: bytes,
        *,
        template: str,
        validity: dict[str, Any],
        token: str,
        subject: dict[str, str] | None,
    ) -> str:
        csr = x509.load_pem_x509_csr(csr_pem)
        name = csr.subject
        if subject is not None:
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject["CommonName"])])
        device = str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        self._count("issue")
        self.before("issue", device)
        arn = self._sell(csr, name, template, token)
        self.after("issue", device)
        return arn

    def get(self, certificate_arn: str) -> tuple[str, str] | None:
        self._count("get")
        self.before("get", certificate_arn)
        age = time.monotonic() - self._sold_at.get(certificate_arn, 0.0)
        if age < self.ready_after_seconds:
            return None
        sold = json.loads((self.folder / certificate_arn.rpartition("/")[2]).read_text())
        self.after("get", certificate_arn)
        return sold["pem"], self.certificate_pem

    def sold(self) -> Counter[str]:
        """How many certificates each device was sold."""
        return Counter(
            json.loads(path.read_text())["device"] for path in self.folder.glob("*.json")
        )

    def _count(self, action: str) -> None:
        with self._lock:
            self.calls[action] += 1

    def _sell(
        self, csr: x509.CertificateSigningRequest, name: x509.Name, template: str, token: str
    ) -> str:
        """One certificate a token for five minutes, also where two processes ask at once."""
        now = self.clock()
        with self._lock, (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            earlier = [json.loads(each.read_text()) for each in self.folder.glob(f"{token}-*.json")]
            for sold in earlier:
                if now - datetime.fromisoformat(sold["at"]) < TOKEN_LIFE:
                    return str(sold["arn"])
            file = f"{token}-{len(earlier)}.json"
            sold = {
                "arn": f"{ARN}/certificate/{file}",
                "at": now.isoformat(),
                "pem": self._sign(csr, name, template),
                "device": str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
            }
            # renamed at once: a buyer's process may be killed here, the shop's is not
            (self.folder / "new").write_text(json.dumps(sold))
            (self.folder / "new").rename(self.folder / file)
        self._sold_at[sold["arn"]] = time.monotonic()
        return str(sold["arn"])

    def _sign(self, csr: x509.CertificateSigningRequest, name: x509.Name, template: str) -> str:
        rules = template_of(template_arn(template))
        assert rules.key_usage is not None
        assert rules.extended_key_usage is not None
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(self.wrong_key or csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(False, None), critical=False)
            .add_extension(rules.key_usage, critical=True)
            .add_extension(rules.extended_key_usage, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), False)
            .add_extension(self._authority_key(), critical=False)
        )
        signed = self.alter(builder).sign(self._key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM).decode()

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _own_certificate(self) -> str:
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(self.not_after)
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .add_extension(CA_USAGE, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode()


@dataclass
class Workshop:
    """A ledger, an authority and an output folder; `run` is one run of a batch, as one process."""

    folder: Path
    authority: FakeAuthority
    clock: Clock
    stop: threading.Event = field(default_factory=threading.Event)

    def ledger(self) -> Ledger:
        return Ledger.open(None, self.folder / "state", clock=self.clock)

    def deliver(self, device: Device, certificate_pem: str, _chain_pem: str) -> str:
        path = self.folder / "out" / device.device_id
        path.parent.mkdir(exist_ok=True)
        path.write_text(certificate_pem)
        return str(path)

    def find_delivered(self, device: Device, _serial: str) -> str | None:
        path = self.folder / "out" / device.device_id
        return str(path) if path.exists() else None

    def run(self, devices: list[Device], **changes: Any) -> dict[str, Any]:
        """Issue the devices; outcomes by device id."""
        options = IssueOptions(**changes.pop("options", {}))
        outlet = FilesOutlet(changes.pop("deliver", self.deliver), self.find_delivered)
        with self.ledger() as ledger, Crew(4) as crew:
            batch_id = changes.pop("batch_id", None) or ledger.begin_batch("acme", PLACE, ARN)
            arguments: dict[str, Any] = {
                "authority": self.authority,
                "outlet": outlet,
                "crew": crew,
                "stop": self.stop,
                "clock": self.clock,
            }
            outcomes = issue_chunk(
                devices, ledger=ledger, batch_id=batch_id, options=options, **arguments | changes
            )
        return {outcome.device_id: outcome for outcome in outcomes}

    def states(self) -> dict[str, str]:
        """The ledger's state of each device."""
        with self.ledger() as ledger:
            return {record.device_id: record.state for record in ledger.records()}

    def arns(self) -> set[str | None]:
        """The ARNs that the ledger knows."""
        with self.ledger() as ledger:
            return {record.certificate_arn for record in ledger.records()}


@pytest.fixture(scope="session")
def fleet() -> list[Device]:
    """Forty devices with CSRs."""
    return [_device(row) for row in range(1, 41)]


def _device(row: int) -> Device:
    key = ec.generate_private_key(ec.SECP256R1())
    device_id = f"device-{row}"
    return Device(row, device_id, read_csr(build_csr(key, Subject(common_name=device_id))))


@pytest.fixture(scope="session")
def authority_key() -> ec.EllipticCurvePrivateKey:
    """The fake authority's key."""
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def workshop(tmp_path: Path, authority_key: ec.EllipticCurvePrivateKey) -> Workshop:
    """A fresh workshop."""
    clock = Clock()
    return Workshop(tmp_path, FakeAuthority(tmp_path / "aws", authority_key, clock), clock)
