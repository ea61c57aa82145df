"""MQTT 3.1.1 on the wire, spoken in the packet classes of the `mqtt5` package.

Both versions share their packets but for properties and reason codes, so the broker knows one
vocabulary; OASIS section numbers of MQTT 3.1.1 stand beside the checks.
"""

from collections.abc import Callable

import mqtt5

PERSISTENT_SESSION_SECONDS = 3_600  # AWS IoT's default for clean session 0
CLEAN_SESSION, WILL, WILL_RETAIN, PASSWORD, USERNAME = 0x02, 0x04, 0x20, 0x40, 0x80
SUBACK_FAILURE = 0x80


class Mqtt3Codec:
    """MQTT 3.1.1: reads what clients send, writes what a server sends."""

    version = 4

    def read(self, frame: bytes) -> mqtt5.Packet:
        """The packet in `frame`; raises ValueError where it is malformed."""
        kind, flags = frame[0] >> 4, frame[0] & 0x0F
        if kind not in _READERS:
            raise ValueError(f"packet type {kind} is not for clients to send")
        reader, wanted_flags = _READERS[kind]
        if wanted_flags is not None and flags != wanted_flags:
            raise ValueError(f"flags {flags:#x} in packet type {kind}")
        body = _Body(frame[next(i for i in range(1, 5) if frame[i] < 0x80) + 1 :])
        packet = reader(body, flags)
        body.end()
        return packet

    def write(self, packet: mqtt5.Packet) -> bytes:
        """`packet` on the wire; a DISCONNECT has no form from the server and is empty."""
        match packet:
            case mqtt5.ConnAckPacket():
                accepted = packet.reason_code == mqtt5.ConnAckReasonCode.SUCCESS
                return _frame(0x20, bytes([packet.session_present, 0 if accepted else 5]))
            case mqtt5.PublishPacket():
                return _write_publish(packet)
            case mqtt5.PubAckPacket():
                return _frame(0x40, packet.packet_id.to_bytes(2, "big"))
            case mqtt5.SubAckPacket():
                codes = [min(int(code), SUBACK_FAILURE) for code in packet.reason_codes]
                return _frame(0x90, packet.packet_id.to_bytes(2, "big") + bytes(codes))
            case mqtt5.UnsubAckPacket():
                return _frame(0xB0, packet.packet_id.to_bytes(2, "big"))
            case mqtt5.PingRespPacket():
                return _frame(0xD0, b"")
        return b""


class _Body:
    """A cursor over a packet's body."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise ValueError("the packet ends too early")
        self._at += count
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        text = self.binary().decode("utf-8")  # UnicodeDecodeError is a ValueError
        if "\0" in text:
            raise ValueError("NUL in a string [MQTT-1.5.3-2]")
        return text

    def packet_id(self) -> int:
        packet_id = self.number(2)
        if packet_id == 0:
            raise ValueError("packet identifier 0 [MQTT-2.3.1-1]")
        return packet_id

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def more(self) -> bool:
        return self._at < len(self._data)

    def end(self) -> None:
        if self.more():
            raise ValueError("bytes left over at the packet's end")


def _connect(body: _Body, _flags: int) -> mqtt5.Packet:
    body.take(7)  # protocol name and level chose this codec
    flags, keep_alive = body.number(1), body.number(2)
    if flags & 0x01:
        raise ValueError("the reserved flag is set [MQTT-3.1.2-3]")
    client_id = body.text()
    will = _will(body, flags)
    username = body.text() if flags & USERNAME else None
    password = body.binary() if flags & PASSWORD else None
    clean = bool(flags & CLEAN_SESSION)
    if not client_id and not clean:
        raise ValueError("an empty client id needs a clean session [MQTT-3.1.3-8]")
    return mqtt5.ConnectPacket(
        client_id,
        username=username,
        password=password,
        clean_start=clean,
        will=will,
        keep_alive=keep_alive,
        session_expiry_interval=0 if clean else PERSISTENT_SESSION_SECONDS,
    )


def _will(body: _Body, flags: int) -> mqtt5.Will | None:
    qos = (flags >> 3) & 0x03
    if not flags & WILL:
        if qos or flags & WILL_RETAIN:
            raise ValueError("will flags without a will [MQTT-3.1.2-13]")
        return None
    topic, payload = body.text(), body.binary()
    return mqtt5.Will(topic, payload=payload, qos=mqtt5.QoS(qos), retain=bool(flags & WILL_RETAIN))


def _publish(body: _Body, flags: int) -> mqtt5.Packet:
    qos = mqtt5.QoS((flags >> 1) & 0x03)  # ValueError for 3
    topic = body.text()
    return mqtt5.PublishPacket(
        topic,
        packet_id=None if qos == mqtt5.QoS.AT_MOST_ONCE else body.packet_id(),
        payload=body.rest(),
        qos=qos,
        retain=bool(flags & 0x01),
        duplicate=bool(flags & 0x08),
    )


def _subscribe(body: _Body, _flags: int) -> mqtt5.Packet:
    packet_id, filters = body.packet_id(), []
    while body.more():
        pattern, qos = body.text(), mqtt5.QoS(body.number(1))
        filters.append(mqtt5.TopicFilter(pattern, max_qos=qos, retain_as_published=False))
    if not filters:
        raise ValueError("a SUBSCRIBE without topic filters [MQTT-3.8.3-3]")
    return mqtt5.SubscribePacket(packet_id, filters)


def _unsubscribe(body: _Body, _flags: int) -> mqtt5.Packet:
    packet_id, patterns = body.packet_id(), []
    while body.more():
        patterns.append(body.text())
    if not patterns:
        raise ValueError("an UNSUBSCRIBE without topic filters [MQTT-3.10.3-2]")
    return mqtt5.UnsubscribePacket(packet_id, patterns)


_Reader = Callable[[_Body, int], mqtt5.Packet]
_READERS: dict[int, tuple[_Reader, int | None]] = {
    1: (_connect, 0),
    3: (_publish, None),
    4: (lambda body, _: mqtt5.PubAckPacket(body.packet_id()), 0),
    8: (_subscribe, 2),
    10: (_unsubscribe, 2),
    12: (lambda _body, _: mqtt5.PingReqPacket(), 0),
    14: (lambda _body, _: mqtt5.DisconnectPacket(), 0),
}


def _write_publish(packet: mqtt5.PublishPacket) -> bytes:
    topic = packet.topic.encode()
    packet_id = packet.packet_id.to_bytes(2, "big") if packet.packet_id else b""
    first = 0x30 | packet.duplicate << 3 | int(packet.qos) << 1 | packet.retain
    return _frame(first, len(topic).to_bytes(2, "big") + topic + packet_id + packet.payload)


def _frame(first_byte: int, body: bytes) -> bytes:
    header, length = bytearray([first_byte]), len(body)
    while length > 0x7F:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header) + body
