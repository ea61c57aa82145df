"""A Private CA free of moto, with a clock that tests move, and short ways to ask it things."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.templates import template_arn
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.knobs import KnobBox, Knobs
from birthcert.sandbox.private_ca.service import PrivateCa
from birthcert.sandbox.state import SandboxState

START = datetime(2030, 1, 31, 12, 0, tzinfo=UTC).timestamp()
Extensions = list[tuple[x509.ExtensionType, bool]]


@dataclass
class Buckets:
    """An S3 in memory with one bucket."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def exists(self, bucket: str) -> bool:
        return bucket == "reports"

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.objects[bucket, key] = body


class Bench:
    """One account's Private CA and what a test does with it; EC keys, for speed."""

    def __init__(self, account: str = "123456789012", region: str = "eu-west-1") -> None:
        self.now = START
        knobs = Knobs(ca_creation_seconds=10, issuance_seconds=(2, 2))
        self.state = SandboxState(clock=lambda: self.now, knobs=KnobBox(knobs))
        self.buckets = Buckets()
        self.pca = PrivateCa(
            self.state,
            partition="aws-cn" if region.startswith("cn-") else "aws",
            region=region,
            account=account,
            store=self.buckets,
        )
        self.device_key = ec.generate_private_key(ec.SECP256R1())

    def call(self, action: str, **params: Any) -> dict[str, Any]:
        return self.pca.handle(action, params)

    def refusal(self, action: str, **params: Any) -> AwsError:
        with pytest.raises(AwsError) as caught:
            self.pca.handle(action, params)
        return caught.value

    def create(self, kind: str = "ROOT", wait: float = 10, **changes: Any) -> str:
        configuration = {
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": f"{kind} CA", "Organization": "Acme"},
            **changes.pop("configuration", {}),
        }
        made = self.call(
            "CreateCertificateAuthority",
            CertificateAuthorityType=kind,
            CertificateAuthorityConfiguration=configuration,
            **changes,
        )
        self.now += wait
        return str(made["CertificateAuthorityArn"])

    def root(self, days: int = 3650, **changes: Any) -> str:
        """An ACTIVE root."""
        arn = self.create(**changes)
        own = self.issue(arn, self.csr_of(arn), "RootCACertificate", days)
        self.install(arn, self.fetched(arn, own)["Certificate"])
        return arn

    def subordinate(self, parent: str, template: str, days: int = 365, **changes: Any) -> str:
        """An ACTIVE subordinate below another Private CA."""
        arn = self.create("SUBORDINATE", **changes)
        issued = self.fetched(parent, self.issue(parent, self.csr_of(arn), template, days))
        self.install(arn, issued["Certificate"], issued["CertificateChain"])
        return arn

    def csr_of(self, arn: str) -> bytes:
        csr = self.call("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn)["Csr"]
        return str(csr).encode()

    def install(self, arn: str, certificate: str, chain: str = "") -> None:
        self.call(
            "ImportCertificateAuthorityCertificate",
            CertificateAuthorityArn=arn,
            **self.import_params(certificate, chain),
        )

    def import_params(self, certificate: str, chain: str = "") -> dict[str, str]:
        params = {"Certificate": certificate} | ({"CertificateChain": chain} if chain else {})
        return {name: base64.b64encode(text.encode()).decode() for name, text in params.items()}

    def issue_params(
        self, arn: str, csr: bytes, template: str = "EndEntityCertificate", days: int = 30
    ) -> dict[str, Any]:
        return {
            "CertificateAuthorityArn": arn,
            "Csr": base64.b64encode(csr).decode(),
            "SigningAlgorithm": "SHA256WITHECDSA",
            "TemplateArn": template_arn(template),
            "Validity": {"Type": "DAYS", "Value": days},
        }

    def issue(self, arn: str, csr: bytes, *args: Any, **more: Any) -> str:
        params = self.issue_params(arn, csr, *args) | more
        return str(self.call("IssueCertificate", **params)["CertificateArn"])

    def fetched(self, arn: str, certificate_arn: str) -> dict[str, str]:
        self.now += 2
        return self.call(
            "GetCertificate", CertificateAuthorityArn=arn, CertificateArn=certificate_arn
        )

    def issued(self, arn: str, csr: bytes, *args: Any, **more: Any) -> x509.Certificate:
        """The certificate that comes of a CSR."""
        pem = self.fetched(arn, self.issue(arn, csr, *args, **more))["Certificate"]
        return x509.load_pem_x509_certificate(pem.encode())

    def csr(
        self,
        common_name: str = "device-1",
        extensions: Extensions | None = None,
        key: PrivateKey | None = None,
    ) -> bytes:
        named = [common_name] if common_name else []
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each) for each in named])
        builder = x509.CertificateSigningRequestBuilder(name)
        for value, critical in extensions or []:
            builder = builder.add_extension(value, critical)
        signed = builder.sign(key or self.device_key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM)

    def status(self, arn: str) -> str:
        return str(self.describe(arn)["Status"])

    def describe(self, arn: str) -> dict[str, Any]:
        answer = self.call("DescribeCertificateAuthority", CertificateAuthorityArn=arn)
        return dict(answer["CertificateAuthority"])

    def disable(self, arn: str) -> None:
        self.call("UpdateCertificateAuthority", CertificateAuthorityArn=arn, Status="DISABLED")


@pytest.fixture
def bench() -> Bench:
    """A fresh account."""
    return Bench()


@pytest.fixture
def root(bench: Bench) -> str:
    """The ARN of an ACTIVE root in it."""
    return bench.root()


@pytest.fixture
def another_account() -> type[Bench]:
    """Makes further accounts."""
    return Bench
