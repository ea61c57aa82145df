"""An endpoint with a CA registered for just-in-time provisioning."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mqtt5
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from birthcert.device.topics import share_group
from birthcert.jitp.policy import least_privilege_policy
from birthcert.jitp.role import trust_policy
from birthcert.jitp.template import render_template
from birthcert.sandbox.device import DeviceEndpoint, start
from birthcert.sandbox.device.session import Message, Subscription
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.role import Role
from birthcert.sandbox.state import SandboxState
from tests.sandbox.device.identities import Authority, Device, name_of, new_authority, signed
from tests.sandbox.device.raw import Raw5

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
