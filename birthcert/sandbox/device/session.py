"""One client id's session: what it subscribed to and what it still has to get."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import mqtt5

QUEUE_MAX_MESSAGES = 100_000  # for a device that is away; the oldest goes first
PACKET_IDS = 65_535


@dataclass(frozen=True)
class Message:
    """A message on its way; `properties` are MQTT 5's, `expires_at` seconds of the clock."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    expires_at: float | None = None


@dataclass(frozen=True)
class Subscription:
    """One topic filter of one client; `group` where it is shared."""

    client_id: str
    topic_filter: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    group: str | None = None


class Link(Protocol):
    """What a session needs of the connection it has at the moment."""

    receive_maximum: int

    def may_receive(self, message: Message) -> bool:
        """Whether the policies let the device have it; closes the connection if not."""

    def send(self, packet: mqtt5.Packet) -> None:
        """Put a packet on the wire."""


@dataclass
class Session:
    """Subscriptions, messages in flight and the queue, with or without a connection."""

    client_id: str
    clock: Callable[[], float]
    expiry_seconds: int = 0
    link: Link | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    _queue: deque[Message] = field(default_factory=deque)
    _in_flight: dict[int, Message] = field(default_factory=dict)
    _last_id: int = 0

    def deliver(self, message: Message) -> None:
        """Send it now, or keep it: QoS 1 waits for a device that is away, QoS 0 is lost."""
        if _is_expired(message, self.clock()):
            return
        if message.qos == 0:
            if self.link is not None and self.link.may_receive(message):
                self.link.send(self._packet(message))
            return
        if self.link is None and self.expiry_seconds == 0:
            return
        if len(self._queue) >= QUEUE_MAX_MESSAGES:
            self._queue.popleft()
        self._queue.append(message)
        self.pump()

    def pump(self) -> None:
        """Send queued messages while the client's receive maximum allows it."""
        while self._queue and self.link and len(self._in_flight) < self.link.receive_maximum:
            message = self._queue.popleft()
            if not _is_expired(message, self.clock()) and self.link.may_receive(message):
                packet_id = self._free_id()
                self._in_flight[packet_id] = message
                self.link.send(self._packet(message, packet_id))

    def acknowledged(self, packet_id: int) -> None:
        """The client has a QoS 1 message."""
        self._in_flight.pop(packet_id, None)
        self.pump()

    def resume(self) -> None:
        """After a reconnect: what was not acknowledged goes out again, then the queue."""
        for packet_id, message in list(self._in_flight.items()):
            if self.link is not None and self.link.may_receive(message):
                self.link.send(self._packet(message, packet_id, duplicate=True))
        self.pump()

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % PACKET_IDS + 1
            if self._last_id not in self._in_flight:
                return self._last_id

    def _packet(
        self, message: Message, packet_id: int | None = None, *, duplicate: bool = False
    ) -> mqtt5.PublishPacket:
        properties = dict(message.properties)
        if message.expires_at is not None:
            left = max(0, int(message.expires_at - self.clock()))
            properties["message_expiry_interval"] = left
        return mqtt5.PublishPacket(
            message.topic,
            payload=message.payload,
            qos=mqtt5.QoS(message.qos),
            retain=message.retain,
            packet_id=packet_id,
            duplicate=duplicate,
            **properties,
        )


def _is_expired(message: Message, now: float) -> bool:
    return message.expires_at is not None and message.expires_at <= now


def for_subscriber(message: Message, subscription: Subscription, *, retained: bool) -> Message:
    """The message as this subscription gets it: the lower QoS, and the retain flag's meaning."""
    keep = retained or (message.retain and subscription.retain_as_published)
    return replace(message, qos=min(message.qos, subscription.qos), retain=keep)
