"""Bytes to packets and back, one vocabulary (the `mqtt5` package's) for both MQTT versions."""

from typing import Protocol

import mqtt5

from birthcert import limits
from birthcert.sandbox.device import mqtt3

PACKET_MAX_BYTES = 149_504  # AWS IoT: 146 KB, header included
VERSION_3_1_1, VERSION_5 = 4, 5


class BadPacket(Exception):
    """The peer broke the protocol; `reason` is the MQTT 5 code that says how."""

    def __init__(self, message: str, reason: int = 0x81) -> None:
        self.reason = mqtt5.DisconnectReasonCode(reason)
        super().__init__(message)


class Codec(Protocol):
    """Reads one whole packet; writes one."""

    version: int

    def read(self, frame: bytes) -> mqtt5.Packet:
        """The packet in `frame`; raises ValueError where it is malformed."""

    def write(self, packet: mqtt5.Packet) -> bytes:
        """`packet` on the wire."""


class Mqtt5Codec:
    """MQTT 5, by the `mqtt5` package."""

    version = VERSION_5

    def read(self, frame: bytes) -> mqtt5.Packet:
        """The packet in `frame`; raises ValueError where it is malformed."""
        packet, size = mqtt5.read(memoryview(frame))
        if size != len(frame):
            raise ValueError(f"{len(frame) - size} bytes too many in the packet")
        return packet

    def write(self, packet: mqtt5.Packet) -> bytes:
        """`packet` on the wire."""
        data: bytes = packet.write()
        return data


def frame_size(buffer: bytes | bytearray) -> int | None:
    """Bytes of the packet that `buffer` begins with, None while its header is not whole.

    Raises BadPacket for an impossible length and for a packet over AWS IoT's size, before its
    body is there.
    """
    length = 0
    for index, byte in enumerate(buffer[1:5]):
        length |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            size = 2 + index + length
            if size > PACKET_MAX_BYTES:
                raise BadPacket(f"a packet of {size} bytes, the limit is {PACKET_MAX_BYTES}", 0x95)
            return size
    if len(buffer) >= 5:
        raise BadPacket("the packet's length takes more than four bytes")
    return None


def codec_for(frame: bytes) -> Codec:
    """The codec of the version that the first packet, a CONNECT, asks for.

    Raises BadPacket where it names another version, or none.
    """
    start = next((index for index in range(1, 5) if frame[index] < 0x80), 4) + 1
    name, level = frame[start : start + 6], frame[start + 6 : start + 7]
    if name != b"\x00\x04MQTT" or level not in (b"\x04", b"\x05"):
        raise BadPacket("neither MQTT 3.1.1 nor MQTT 5")
    return Mqtt5Codec() if level == b"\x05" else mqtt3.Mqtt3Codec()


def read(codec: Codec, frame: bytes) -> mqtt5.Packet:
    """The packet in `frame`; raises BadPacket where it is malformed or its payload too large."""
    try:
        packet = codec.read(frame)
    except (ValueError, IndexError) as error:
        raise BadPacket(f"malformed packet: {error}") from error
    if isinstance(packet, mqtt5.PublishPacket):
        size = len(packet.payload)
        if size > limits.MQTT_PAYLOAD_MAX_BYTES:
            raise BadPacket(f"a payload of {size} bytes is over 128 KB", 0x95)
    return packet
