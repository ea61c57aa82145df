"""A device endpoint with a CA registered for just-in-time provisioning, and devices for it."""

import asyncio
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mqtt5
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from birthcert.device.topics import share_group
from birthcert.jitp.policy import least_privilege_policy
from birthcert.jitp.role import trust_policy
from birthcert.jitp.template import render_template
from birthcert.pki.certificates import certificate_id
from birthcert.sandbox.device import DeviceEndpoint, start
from birthcert.sandbox.device.codec import frame_size
from birthcert.sandbox.device.session import Message, Subscription
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.role import Role
from birthcert.sandbox.state import SandboxState

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/ACME-IOT-JIT-PROV"
PERMISSIONS = '{"Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
PATIENCE_SECONDS = 10.0


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true value of `condition`; fails after ten seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        threading.Event().wait(0.01)
    return value


@dataclass
class Authority:
    """A CA with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def name_of(**attributes: str) -> x509.Name:
    """A subject from attribute names in lower case."""
    oids = {"common_name": NameOID.COMMON_NAME, "organization": NameOID.ORGANIZATION_NAME}
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in attributes.items()])


def signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: Authority | None,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    starts_in_days: float = -1,
    ends_in_days: float = 30,
) -> x509.Certificate:
    """A certificate; self-signed without a signer."""
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=signer.certificate.subject if signer else subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + datetime.timedelta(days=starts_in_days),
        not_valid_after=now + datetime.timedelta(days=ends_in_days),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer.key if signer else key, hashes.SHA256())


def new_authority(common_name: str = "acme device CA") -> Authority:
    """A self-signed CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    constraints: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    return Authority(signed(name_of(common_name=common_name), key, None, constraints), key)


@dataclass
class Device:
    """A device's certificate and key, in memory and as files for clients that want those."""

    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    authority: Authority
    folder: Path

    @property
    def certificate_id(self) -> str:
        return certificate_id(self.certificate)

    @property
    def chain_pem(self) -> bytes:
        leaf = self.certificate.public_bytes(serialization.Encoding.PEM)
        return leaf + self.authority.pem.encode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def chain_file(self) -> str:
        return self._file("chain.pem", self.chain_pem)

    @property
    def key_file(self) -> str:
        return self._file("key.pem", self.key_pem)

    def _file(self, kind: str, data: bytes) -> str:
        path = self.folder / f"{self.certificate_id[:16]}-{kind}"
        if not path.exists():
            path.write_bytes(data)
        return str(path)


class Raw5:
    """MQTT 5 packet by packet over TLS, for what no client library would send."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = b""

    def send(self, *packets: Any) -> None:
        """Write packets, or bytes as they are."""
        for packet in packets:
            self.socket.sendall(packet if isinstance(packet, bytes) else packet.write())

    def receive(self) -> Any:
        """The next packet, or None where the endpoint closed."""
        while True:
            size = frame_size(self._buffer)
            if size is not None and len(self._buffer) >= size:
                packet, _ = mqtt5.read(memoryview(self._buffer[:size]))
                self._buffer = self._buffer[size:]
                return packet
            try:
                data = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self._buffer += data

    def ask(self, packet: Any) -> Any:
        """Send one packet and return the next that comes."""
        self.send(packet)
        return self.receive()

    def close(self) -> None:
        """Drop the connection without a DISCONNECT."""
        self.socket.close()


@dataclass
class SpyLink:
    """A subscriber inside the endpoint."""

    heard: list[Message]
    receive_maximum: int = 100

    def may_receive(self, message: Message) -> bool:
        self.heard.append(message)
        return False

    def send(self, packet: Any) -> None:
        """Nothing is sent: `may_receive` has heard it."""


class Lab:
    """An endpoint and its registry, with a CA that provisions `acme` devices."""

    def __init__(
        self, directory: Path, *, quotas: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.directory = directory
        self.state = SandboxState(clock=clock)
        self.state.knobs.update({"iam_delay_seconds": 0})
        self.permissions = PERMISSIONS
        self.registry = self._registry(ACCOUNT)
        self.endpoint: DeviceEndpoint = start(
            self.state,
            directory,
            quotas=quotas,
            registries=lambda account, _: (
                self.registry if account == ACCOUNT else self._registry(account)
            ),
        )
        self.authority = new_authority()
        self.ca_id = ""

    def _registry(self, account: str) -> IotRegistry:
        return IotRegistry(
            self.state,
            partition="aws",
            region=REGION,
            account=account,
            find_role=self._role,
        )

    def _role(self, arn: str) -> Role | None:
        if arn != ROLE_ARN:
            return None
        return Role(arn, trust_policy("aws", ACCOUNT, [REGION]), 0.0, (self.permissions,))

    @property
    def port(self) -> int:
        return self.endpoint.address(ACCOUNT, REGION)[1]

    @property
    def server_ca(self) -> str:
        return str(self.endpoint.server_ca)

    def prepare(self) -> None:
        """Thing type, policy, and the CA registered with a template."""
        self.registry.handle("CreateThingType", {"thingTypeName": "UnifiedAgent"})
        document = least_privilege_policy("aws", REGION, ACCOUNT, "acme")
        self.registry.create_policy("acme-device", document)
        self.ca_id = self.register(self.authority, self.template())

    @staticmethod
    def template(**attributes: str) -> str:
        return render_template(
            thing_type="UnifiedAgent", policy_name="acme-device", attributes=attributes
        )

    def register(self, authority: Authority, body: str | None, **changes: Any) -> str:
        """Register a CA, ACTIVE and with auto-registration; its id."""
        request: dict[str, Any] = {
            "caCertificate": authority.pem,
            "certificateMode": "SNI_ONLY",
            "setAsActive": True,
            "allowAutoRegistration": True,
            **changes,
        }
        if body is not None:
            request["registrationConfig"] = {"templateBody": body, "roleArn": ROLE_ARN}
        return str(self.registry.handle("RegisterCACertificate", request)["certificateId"])

    def device(
        self,
        name: str,
        authority: Authority | None = None,
        *,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        subject: x509.Name | None = None,
        **validity: float,
    ) -> Device:
        """A device with a certificate of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        signer = authority or self.authority
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), False),
            (x509.ExtendedKeyUsage([usage]), False),
        ]
        certificate = signed(
            subject or name_of(common_name=name), key, signer, extensions, **validity
        )
        return Device(name, certificate, key, signer, self.directory)

    def tls(
        self,
        device: Device | None,
        *,
        port: int | None = None,
        sni: str | None = "localhost",
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLSocket:
        """A TLS connection, after the handshake as the client sees it."""
        context = ssl.create_default_context(cafile=self.server_ca)
        context.check_hostname = False
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if device is not None:
            context.load_cert_chain(device.chain_file, device.key_file)
        plain = socket.create_connection(("127.0.0.1", port or self.port), PATIENCE_SECONDS)
        return context.wrap_socket(plain, server_hostname=sni)

    def connect(self, device: Device, **options: Any) -> tuple[Raw5, Any]:
        """A raw connection and what it got for its CONNECT (None: the endpoint hung up)."""
        raw = Raw5(self.tls(device))
        options.setdefault("clean_start", True)
        client_id = options.pop("client_id", device.name)
        return raw, raw.ask(mqtt5.ConnectPacket(client_id, **options))

    wait = staticmethod(wait_for)

    def provision(self, device: Device) -> None:
        """Make the first connection, which is dropped."""
        raw, answer = self.connect(device)
        raw.close()
        assert answer is None

    def online(self, device: Device, **options: Any) -> Raw5:
        """A connected device, provisioned before if need be."""
        if self.registry.certificate(device.certificate_id) is None:
            self.provision(device)
        raw, answer = self.connect(device, **options)
        assert answer is not None
        assert int(answer.reason_code) == 0
        return raw

    def status(self, device: Device) -> str:
        """The status of a device's certificate, empty where it is not registered."""
        certificate = self.registry.certificate(device.certificate_id)
        return certificate.status if certificate else ""

    def place(self) -> Any:
        """The endpoint's own view of the place: to publish as AWS would, and to look inside."""
        return self.endpoint.place(ACCOUNT, REGION)

    def on_loop(self, act: Callable[[], Any]) -> Any:
        """Run something in the endpoint's loop and return its result."""

        async def run() -> Any:
            return act()

        future = asyncio.run_coroutine_threadsafe(run(), self.place().loop)
        return future.result(PATIENCE_SECONDS)

    def broadcast(self, topic: str, payload: bytes, **options: Any) -> None:
        """Publish as no device may: to any topic."""
        message = Message(topic, payload, **options)
        self.on_loop(lambda: self.place().broker.publish(message))

    def online_link(self, client_id: str) -> Any:
        """The connection of a client id, None where it has none."""
        return self.on_loop(lambda: self.place().client(client_id))

    def spy(self, topic_filter: str, name: str = "") -> Callable[[int], list[Message]]:
        """Subscribe past all policies; the result waits for so many messages."""
        heard: list[Message] = []
        broker = self.place().broker
        client_id = name or f"spy on {topic_filter}"

        def listen() -> None:
            session, _ = broker.open_session(client_id, clean_start=True, expiry_seconds=60)
            session.link = SpyLink(heard)
            group = share_group(topic_filter)
            broker.subscribe(session, Subscription(client_id, topic_filter, 0, group=group))

        self.on_loop(listen)

        def messages(count: int) -> list[Message]:
            wait_for(lambda: len(heard) >= count)
            return heard

        return messages

    def refusal_of(self, part: str) -> bool:
        """Whether a refusal's reason holds `part`."""
        return any(part in each["reason"] for each in self.endpoint.refusals())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One endpoint for a module's tests; devices have names of their own."""
    made = Lab(tmp_path_factory.mktemp("lab"))
    made.prepare()
    yield made
    made.endpoint.stop()


@pytest.fixture
def knobs(lab: Lab) -> Iterator[Callable[..., None]]:
    """Turn knobs of the lab's sandbox for one test."""
    yield lambda **changes: lab.state.knobs.update(changes)
    lab.state.knobs.reset()
    lab.state.knobs.update({"iam_delay_seconds": 0})


@pytest.fixture
def wait() -> Callable[[Callable[[], Any]], Any]:
    """Wait for a condition."""
    return wait_for


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Labs with options of their own."""
    labs: list[Lab] = []

    def make(**options: Any) -> Lab:
        labs.append(Lab(tmp_path / str(len(labs)), **options))
        labs[-1].prepare()
        return labs[-1]

    yield make
    for each in labs:
        each.endpoint.stop()


@pytest.fixture(scope="session")
def another_authority() -> Callable[[str], Authority]:
    """A CA that no one registered yet."""
    return new_authority
