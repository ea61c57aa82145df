"""The devices of devices.py, in their own process: a first minute, and connections that stay."""

import asyncio
import multiprocessing
import ssl
import statistics
import time
from dataclasses import dataclass

import mqtt5

from birthcert.sandbox.device.codec import frame_size

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
