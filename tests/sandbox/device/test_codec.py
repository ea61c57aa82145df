"""Packets on the wire, in both versions."""

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.sandbox.device.codec import (
    BadPacket,
    Mqtt5Codec,
    codec_for,
    frame_size,
    read,
)
from birthcert.sandbox.device.mqtt3 import Mqtt3Codec

# written by hand from MQTT 3.1.1: clean session, will of QoS 1, keep-alive 60, user and password
CONNECT_3 = (
    b"\x10\x20\x00\x04MQTT\x04\xce\x00\x3c\x00\x05dev-1\x00\x01w\x00\x02by\x00\x01u\x00\x03pwd"
)


def test_a_3_1_1_connect_is_read_field_by_field() -> None:
    """Flags, will, user name and password are where the standard puts them."""
    packet = read(codec_for(CONNECT_3), CONNECT_3)
    assert (packet.client_id, packet.clean_start, packet.keep_alive) == ("dev-1", True, 60)
    assert (packet.will.topic, packet.will.payload, int(packet.will.qos)) == ("w", b"by", 1)
    assert (packet.username, packet.password) == ("u", b"pwd")


def test_a_3_1_1_session_that_is_not_clean_is_kept_for_an_hour() -> None:
    """AWS IoT's default expiry of a persistent session."""
    kept = CONNECT_3.replace(b"\x04\xce", b"\x04\xcc")
    assert read(codec_for(kept), kept).session_expiry_interval == 3600


def test_the_connect_chooses_the_version() -> None:
    """Protocol level 4 is MQTT 3.1.1, 5 is MQTT 5."""
    assert isinstance(codec_for(CONNECT_3), Mqtt3Codec)
    assert isinstance(codec_for(mqtt5.ConnectPacket("x").write()), Mqtt5Codec)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\xc0\x00", id="ping-first"),
        pytest.param(b"\x10\x0c\x00\x06MQIsdp\x03\x02\x00\x00", id="mqtt-3.1"),
        pytest.param(b"\x10\x00", id="empty-connect"),
        pytest.param(b"\x10\x07\x00\x04MQTT\x06", id="version-6"),
    ],
)
def test_what_is_no_connect_of_3_1_1_or_5_is_refused(frame: bytes) -> None:
    """No codec is found for it."""
    with pytest.raises(BadPacket):
        codec_for(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x36\x05\x00\x01a\x00\x01", id="qos-3"),
        pytest.param(b"\x32\x05\x00\x01a\x00\x00", id="packet-id-0"),
        pytest.param(b"\x30\x03\x00\x05a", id="topic-cut-off"),
        pytest.param(b"\x30\x03\x00\x01\xff", id="not-utf-8"),
        pytest.param(b"\x80\x06\x00\x01\x00\x01a\x00", id="wrong-flags"),
        pytest.param(b"\x82\x02\x00\x01", id="subscribe-to-nothing"),
        pytest.param(b"\x82\x06\x00\x01\x00\x01a\x03", id="subscribe-qos-3"),
        pytest.param(b"\x50\x02\x00\x01", id="pubrec"),
        pytest.param(b"\xc0\x01\x00", id="ping-with-a-body"),
    ],
)
def test_malformed_3_1_1_packets_are_refused(frame: bytes) -> None:
    """They are BadPacket, whatever is wrong in them."""
    with pytest.raises(BadPacket):
        read(Mqtt3Codec(), frame)


@given(st.binary(max_size=64), st.sampled_from([Mqtt3Codec(), Mqtt5Codec()]))
def test_no_bytes_bring_anything_but_a_packet_or_bad_packet(
    data: bytes, codec: Mqtt3Codec | Mqtt5Codec
) -> None:
    """Random frames with a right length never raise another error."""
    frame = bytes([data[0] if data else 0x30, len(data)]) + data
    try:
        packet = read(codec, frame)
    except BadPacket:
        return
    assert type(packet).__module__ == "mqtt5"


@given(
    payload=st.binary(max_size=300),
    qos=st.sampled_from([0, 1]),
    retain=st.booleans(),
    duplicate=st.booleans(),
)
def test_a_3_1_1_publish_survives_the_wire(
    payload: bytes, qos: int, retain: bool, duplicate: bool
) -> None:
    """What is written is read back the same."""
    packet = mqtt5.PublishPacket(
        "acme/dev-1/data",
        payload=payload,
        qos=mqtt5.QoS(qos),
        retain=retain,
        duplicate=duplicate and bool(qos),
        packet_id=7 if qos else None,
    )
    codec = Mqtt3Codec()
    frame = codec.write(packet)
    assert frame_size(frame) == len(frame)
    assert codec.read(frame) == packet


def test_a_packet_over_the_limit_is_refused_by_its_header_alone() -> None:
    """Ten megabytes need not arrive to be refused."""
    with pytest.raises(BadPacket, match="limit is"):
        frame_size(b"\x30\x80\x80\x80\x05")


def test_a_header_that_is_not_whole_says_nothing_yet() -> None:
    """More bytes are needed."""
    assert frame_size(b"") is None
    assert frame_size(b"\x30\x80") is None


def test_a_payload_over_128_kb_is_refused() -> None:
    """Even where the packet as a whole would fit."""
    packet = mqtt5.PublishPacket("a", payload=bytes(131_073)).write()
    with pytest.raises(BadPacket, match="128 KB"):
        read(Mqtt5Codec(), packet)
