"""How fast the sandbox's device endpoint provisions and carries messages.

    python benchmarks/devices.py [--seconds 60] [--fleet 200] [--connections 500]

Prints one JSON document: provisioning in milliseconds (of the sandbox's own time, from the
registration to ACTIVE, and as the device sees it, from CONNECT to the drop); seconds until a
fleet is provisioned and has published; and whether connections that stay up lose QoS 1 messages.
The endpoint runs in this process, the devices in another one.
"""

import argparse
import asyncio
import datetime
import json
import multiprocessing
import ssl
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import mqtt5
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from birthcert.jitp.policy import least_privilege_policy
from birthcert.jitp.role import trust_policy
from birthcert.jitp.template import render_template
from birthcert.sandbox.device import DeviceEndpoint, start
from birthcert.sandbox.device.codec import frame_size
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.role import Role
from birthcert.sandbox.knobs import KnobBox, Knobs
from birthcert.sandbox.state import SandboxState

ROLE = "arn:aws:iam::123456789012:role/benchmark-provisioning"
CONNECTING_AT_ONCE = 20
PUBLISH_EVERY_SECONDS = 2.0
QOS1 = mqtt5.QoS(1)


@dataclass(frozen=True)
class Target:
    """Where the devices connect, and what they trust."""

    port: int
    server_ca: str


@dataclass(frozen=True)
class Device:
    """A name and a PEM file with key, certificate and CA certificate."""

    name: str
    pem_file: str


class Connection:
    """One device's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._buffer = reader, writer, b""

    def send(self, packet: mqtt5.Packet) -> None:
        self._writer.write(packet.write())

    async def receive(self) -> mqtt5.Packet | None:
        while True:
            size = frame_size(self._buffer)
            if size is not None and len(self._buffer) >= size:
                packet, _ = mqtt5.read(memoryview(self._buffer[:size]))
                self._buffer = self._buffer[size:]
                return packet
            data = await self._reader.read(65_536)
            if not data:
                return None
            self._buffer += data

    async def close(self) -> None:
        self._writer.close()


async def connect(target: Target, device: Device) -> tuple[Connection, bool, float]:
    """The connection, whether it was accepted, and seconds from CONNECT to the answer."""
    context = ssl.create_default_context(cafile=target.server_ca)
    context.load_cert_chain(device.pem_file)
    reader, writer = await asyncio.open_connection("localhost", target.port, ssl=context)
    connection = Connection(reader, writer)
    began = time.perf_counter()
    connection.send(mqtt5.ConnectPacket(device.name, clean_start=True))
    answer = await connection.receive()
    return connection, answer is not None, time.perf_counter() - began


async def online(target: Target, device: Device) -> tuple[Connection, float]:
    """Provisioned, dropped, reconnected; and how long the device waited for the drop."""
    first, accepted, waited = await connect(target, device)
    if accepted:
        return first, waited
    await first.close()
    connection, accepted, _ = await connect(target, device)
    assert accepted, f"{device.name} was refused after its provisioning"
    return connection, waited


async def birth(target: Target, device: Device, gate: asyncio.Semaphore) -> float:
    """A device's first minute: provisioned, one message published and acknowledged."""
    async with gate:
        connection, waited = await online(target, device)
        topic = f"acme/{device.name}/hello"
        connection.send(mqtt5.PublishPacket(topic, b"hello", qos=QOS1, packet_id=1))
        assert isinstance(await connection.receive(), mqtt5.PubAckPacket)
        await connection.close()
        return waited


async def stay(
    target: Target, device: Device, seconds: float, gate: asyncio.Semaphore
) -> list[int]:
    """Publish to oneself for a while; counts of published, acknowledged, received."""
    async with gate:
        connection, _ = await online(target, device)
    pattern = mqtt5.TopicFilter(f"acme/{device.name}/#", max_qos=QOS1)
    connection.send(mqtt5.SubscribePacket(1, [pattern]))
    assert isinstance(await connection.receive(), mqtt5.SubAckPacket)
    published = acknowledged = received = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        published += 1
        packet_id = published % 65_535 + 1
        topic = f"acme/{device.name}/count"
        connection.send(
            mqtt5.PublishPacket(topic, b"%d" % published, qos=QOS1, packet_id=packet_id)
        )
        for _ in range(2):
            packet = await connection.receive()
            if isinstance(packet, mqtt5.PubAckPacket):
                acknowledged += 1
            elif isinstance(packet, mqtt5.PublishPacket):
                received += packet.payload == b"%d" % published
                connection.send(mqtt5.PubAckPacket(packet.packet_id))
        await asyncio.sleep(PUBLISH_EVERY_SECONDS)
    await connection.close()
    return [published, acknowledged, received]


async def drive(
    target: Target, fleet: list[Device], steady: list[Device], seconds: float
) -> dict[str, object]:
    """Both loads, one after the other."""
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
    began = time.perf_counter()
    waits = await asyncio.gather(*(birth(target, device, gate) for device in fleet))
    fleet_seconds = time.perf_counter() - began
    counts = await asyncio.gather(*(stay(target, device, seconds, gate) for device in steady))
    published, acknowledged, received = (sum(column) for column in zip(*counts, strict=True))
    return {
        "device_waits_ms": summary([wait * 1000 for wait in waits]),
        "fleet": len(fleet),
        "fleet_seconds": round(fleet_seconds, 2),
        "connections": len(steady),
        "seconds_up": seconds,
        "published": published,
        "acknowledged": acknowledged,
        "received": received,
    }


def run_devices(
    target: Target,
    fleet: list[Device],
    steady: list[Device],
    seconds: float,
    results: "multiprocessing.Queue[dict[str, object]]",
) -> None:
    """The other process."""
    results.put(asyncio.run(drive(target, fleet, steady, seconds)))


def summary(milliseconds: list[float]) -> dict[str, float]:
    """Median and maximum."""
    return {
        "median": round(statistics.median(milliseconds), 2),
        "max": round(max(milliseconds), 2),
    }


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """A CA's certificate where name and issuer are the same, else a device's."""
    now = datetime.datetime.now(datetime.UTC)
    subject, signer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


class World:
    """An endpoint with a registered CA, and a factory for its devices."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ca = certificate("benchmark CA", self._key, "benchmark CA", self._key)
        state = SandboxState(knobs=KnobBox(Knobs(iam_delay_seconds=0)))
        self.registry = IotRegistry(
            state, partition="aws", region=state.region, account=state.account, find_role=role
        )
        self.milliseconds: list[float] = []
        self._registered: dict[str, float] = {}
        self.registry.subscribe(self._note)
        self._register(state)
        self.endpoint: DeviceEndpoint = start(state, folder, registries=lambda *_: self.registry)
        port = self.endpoint.address(state.account, state.region)[1]
        self.target = Target(port, str(self.endpoint.server_ca))

    def _register(self, state: SandboxState) -> None:
        self.registry.handle("CreateThingType", {"thingTypeName": "UnifiedAgent"})
        document = least_privilege_policy("aws", state.region, state.account, "acme")
        self.registry.create_policy("acme-device", document)
        body = render_template(thing_type="UnifiedAgent", policy_name="acme-device")
        request = {
            "caCertificate": self._ca.public_bytes(serialization.Encoding.PEM).decode(),
            "certificateMode": "SNI_ONLY",
            "setAsActive": True,
            "allowAutoRegistration": True,
            "registrationConfig": {"templateBody": body, "roleArn": ROLE},
        }
        self.registry.handle("RegisterCACertificate", request)

    def _note(self, identity: str) -> None:
        now = time.perf_counter()
        found = self.registry.certificate(identity)
        if found is None:
            return
        if found.status == "ACTIVE" and identity in self._registered:
            self.milliseconds.append((now - self._registered.pop(identity)) * 1000)
        elif found.status != "ACTIVE":
            self._registered.setdefault(identity, now)

    def devices(self, prefix: str, count: int) -> list[Device]:
        """Fresh devices with their files."""
        return [self._device(f"{prefix}-{number}") for number in range(count)]

    def _device(self, name: str) -> Device:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = certificate(name, key, "benchmark CA", self._key)
        path = self._folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
            + self._ca.public_bytes(serialization.Encoding.PEM)
        )
        return Device(name, str(path))


def role(arn: str) -> Role:
    """A role that may provision, trusted as AWS wants it."""
    everything = '{"Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
    return Role(arn, trust_policy("aws", "123456789012", ["eu-west-1"]), 0.0, (everything,))


def main() -> None:
    """Run both loads and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fleet", type=int, default=200)
    parser.add_argument("--connections", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        spawn = multiprocessing.get_context("spawn")
        results: multiprocessing.Queue[dict[str, object]] = spawn.Queue()
        fleet = world.devices("fleet", options.fleet)
        steady = world.devices("steady", options.connections)
        devices = spawn.Process(
            target=run_devices, args=(world.target, fleet, steady, options.seconds, results)
        )
        devices.start()
        measured = results.get()
        devices.join()
        world.endpoint.stop()
    print(json.dumps({"provisioning_ms": summary(world.milliseconds), **measured}, indent=2))


if __name__ == "__main__":
    main()
