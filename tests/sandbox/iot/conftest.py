"""A sandbox's AWS IoT over HTTP with real boto3 clients, a movable clock, and a small CA."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from birthcert.sandbox.environment import prepare_moto

prepare_moto()

from moto.server import ThreadedMotoServer  # noqa: E402 - after its environment is set

from birthcert.jitp.role import managed_policy_arn, trust_policy  # noqa: E402
from birthcert.jitp.template import render_template  # noqa: E402
from birthcert.sandbox.iot import moto as moto_iot  # noqa: E402
from birthcert.sandbox.iot.registry import IotRegistry  # noqa: E402
from birthcert.sandbox.knobs import KnobBox, Knobs  # noqa: E402
from birthcert.sandbox.state import SandboxState  # noqa: E402

ACCOUNT, REGION = "123456789012", "eu-west-1"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Clock:
    """The real time, and as much more as a test wants to have passed."""

    ahead_seconds: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.ahead_seconds += seconds


@dataclass
class Issuer:
    """A CA: issues what a test asks for."""

    key: Key
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, common_name: str, **options: Any) -> x509.Certificate:
        return build(common_name, issuer=self, **options)

    def issue_pem(self, common_name: str, **options: Any) -> str:
        return self.issue(common_name, **options).public_bytes(Encoding.PEM).decode()


def build(
    common_name: str,
    *,
    key: Key | None = None,
    issuer: Issuer | None = None,
    ca: bool | None = False,
    not_before: timedelta = timedelta(hours=-1),
    not_after: timedelta = timedelta(days=30),
    digest: hashes.HashAlgorithm | None = None,
) -> x509.Certificate:
    """A certificate by an issuer, or its own key; `ca=None` leaves the constraints out."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + not_before)
        .not_valid_after(now + not_after)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    return builder.sign(issuer.key if issuer else key, digest or hashes.SHA256())


@pytest.fixture
def make_issuer() -> Callable[..., Issuer]:
    """A fresh CA with an EC key, or with the key and options given."""

    def make(common_name: str = "Acme device CA", **options: Any) -> Issuer:
        key = options.pop("key", None) or ec.generate_private_key(ec.SECP256R1())
        return Issuer(key, build(common_name, key=key, **{"ca": True, **options}))

    return make


@dataclass
class Bench:
    """A fresh sandbox: its registry, its clients, and shortcuts for what most tests begin with."""

    state: SandboxState
    clock: Clock
    clients: "Clients"
    names: Iterator[int] = field(default_factory=itertools.count)

    def client(self, service: str, region: str = REGION, account: str = ACCOUNT) -> Any:
        """A boto3 client that calls as an account."""
        return self.clients.get(service, region, account)

    @property
    def registry(self) -> IotRegistry:
        return moto_iot.registry_of(ACCOUNT, REGION)

    def set_knobs(self, **knobs: Any) -> None:
        self.state.knobs.update(knobs)

    def register(self, iot: Any, issuer: Issuer, **more: Any) -> str:
        """Register a CA in DEFAULT mode with a right verification certificate; its id."""
        code = iot.get_registration_code()["registrationCode"]
        answer = iot.register_ca_certificate(
            caCertificate=issuer.pem, verificationCertificate=issuer.issue_pem(code), **more
        )
        return str(answer["certificateId"])

    def make_role(self, trust: str | None = None, *, attach: bool = True) -> str:
        """A provisioning role; its ARN."""
        iam = self.client("iam")
        name = f"provisioning-{self.state.instance}-{next(self.names)}"
        document = trust or trust_policy("aws", ACCOUNT, [REGION])
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if attach:
            iam.attach_role_policy(RoleName=name, PolicyArn=managed_policy_arn("aws"))
        return str(arn)

    def config(self, role_arn: str | None = None) -> dict[str, str]:
        """A registrationConfig that AWS takes."""
        return {
            "templateBody": render_template(thing_type="UnifiedAgent", policy_name="device"),
            "roleArn": role_arn or self.make_role(),
        }


@dataclass
class Clients:
    """The boto3 clients of one server, each made once: making one takes longer than most tests."""

    url: str
    made: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def get(self, *wanted: str) -> Any:
        if wanted not in self.made:
            self.made[wanted] = self._make(*wanted)
        return self.made[wanted]

    def _make(self, service: str, region: str, account: str) -> Any:
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="x",
            # botocore takes LimitExceededException for throttling and would try again
            config=Config(retries={"total_max_attempts": 1}),
        )

        def add_account(request: Any, **_: Any) -> None:
            request.headers["x-moto-account-id"] = account

        client.meta.events.register("before-sign.*", add_account)
        return client


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    """Clients of moto's server in this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Clients(f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def bench(clients: Clients) -> Bench:
    """A fresh sandbox with a movable clock and no IAM delay."""
    clock = Clock()
    state = SandboxState(clock=clock, knobs=KnobBox(Knobs(iam_delay_seconds=0)))
    moto_iot.install(state)
    return Bench(state, clock, clients)


@pytest.fixture
def iot(bench: Bench) -> Any:
    """A boto3 client of the sandbox's AWS IoT."""
    return bench.client("iot")


@pytest.fixture
def policy_document() -> str:
    """A small policy document."""
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def refusal() -> Callable[..., dict[str, Any]]:
    """Call something that AWS refuses: the code, the HTTP status, the message and the rest."""

    def call(action: Callable[..., Any], **params: Any) -> dict[str, Any]:
        with pytest.raises(ClientError) as caught:
            action(**params)
        response = caught.value.response
        return {
            "code": response["Error"]["Code"],
            "message": response["Error"]["Message"],
            "status": response["ResponseMetadata"]["HTTPStatusCode"],
            "resource_id": response.get("resourceId"),
            "resource_arn": response.get("resourceArn"),
        }

    return call
