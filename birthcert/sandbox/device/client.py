"""A connected device: what it sends is checked, authorised, routed and acknowledged."""

import ssl
from typing import Any

import mqtt5

from birthcert.device.topics import filter_problem, share_group, topic_problem
from birthcert.sandbox.device import codec as codecs
from birthcert.sandbox.device.admission import Admitted
from birthcert.sandbox.device.codec import VERSION_5, BadPacket, Codec
from birthcert.sandbox.device.place import Place
from birthcert.sandbox.device.session import Message, Session, Subscription
from birthcert.sandbox.device.wire import Wire

# AWS IoT's limits on one connection, as it tells MQTT 5 clients in CONNACK
RECEIVE_MAXIMUM = 100
TOPIC_ALIAS_MAXIMUM = 8
FILTERS_IN_SUBSCRIBE = 8
SUBSCRIPTIONS = 50
SERVICE_TOPICS = ("$aws/things/", "$aws/rules/")  # shadows, jobs, basic ingest

_Code = mqtt5.DisconnectReasonCode
_PASSED_ON = (
    "payload_format_indicator",
    "content_type",
    "response_topic",
    "correlation_data",
    "user_properties",
)


class Client:
    """One device's MQTT connection, from the accepted CONNECT on."""

    def __init__(
        self,
        place: Place,
        wire: Wire,
        codec: Codec,
        admitted: Admitted,
        connect: mqtt5.ConnectPacket,
        session: Session,
    ) -> None:
        self._place, self._wire, self._codec, self._session = place, wire, codec, session
        self.client_id, self.certificate_id = admitted.client_id, admitted.certificate_id
        self._permissions = admitted.permissions
        self._will = connect.will
        self.receive_maximum = min(connect.receive_max, RECEIVE_MAXIMUM)
        self._max_packet_size = connect.max_packet_size or codecs.PACKET_MAX_BYTES
        self._aliases: dict[int, str] = {}
        self._left = False

    def on_frame(self, frame: bytes) -> None:
        """Act on one packet."""
        packet = codecs.read(self._codec, frame)
        match packet:
            case mqtt5.PublishPacket():
                self._publish(packet)
            case mqtt5.PubAckPacket():
                self._session.acknowledged(packet.packet_id)
            case mqtt5.SubscribePacket():
                self._subscribe(packet)
            case mqtt5.UnsubscribePacket():
                self._unsubscribe(packet)
            case mqtt5.PingReqPacket():
                self.send(mqtt5.PingRespPacket())
            case mqtt5.DisconnectPacket():
                self._disconnect(packet)
            case _:
                raise BadPacket(f"unexpected {type(packet).__name__}", 0x82)

    def on_bad_packet(self, error: BadPacket) -> None:
        """The device broke the protocol or a limit."""
        self.close(error.reason, str(error))

    def on_silence(self) -> None:
        """The keep-alive ran out."""
        self.close(_Code.KEEP_ALIVE_TIMEOUT, "nothing heard for 1.5 times the keep-alive")

    def on_bad_tls(self, error: ssl.SSLError) -> None:
        """The device broke TLS: the wire is being closed."""
        self._leave()

    def on_lost(self) -> None:
        """The connection is gone."""
        self._leave()

    def reconsider(self) -> None:
        """The certificate, its policies or its things changed: cut off, or judge anew."""
        certificate = self._place.registry.certificate(self.certificate_id)
        if certificate is None or certificate.status != "ACTIVE":
            status = "deleted" if certificate is None else certificate.status
            self.close(_Code.ADMINISTRATIVE_ACTION, f"the certificate is {status}")
        else:
            self._permissions.forget()

    def taken_over(self) -> None:
        """Another connection came with this client id."""
        self.close(_Code.SESSION_TAKEN_OVER, "another connection took the client id")

    def close(self, code: mqtt5.DisconnectReasonCode, reason: str) -> None:
        """End the connection; an MQTT 5 device is told the code."""
        if not self._left:
            self._place.diary.refused(
                client_id=self.client_id, certificate_id=self.certificate_id, reason=reason
            )
        if self._codec.version == VERSION_5:
            self.send(mqtt5.DisconnectPacket(reason_code=code))
        self._wire.close()
        self._leave()

    def _leave(self) -> None:
        if self._left:
            return
        self._left = True
        self._place.leave(self)
        self._session.link = None
        if self._will is not None:
            self._place.broker.will(
                self._session, _will_message(self._will), self._will.will_delay_interval
            )
        self._place.broker.leave(self._session)

    def send(self, packet: mqtt5.Packet) -> None:
        """Put a packet on the wire, unless the device said it is too large for it."""
        data = self._codec.write(packet)
        if len(data) <= self._max_packet_size:
            self._wire.write(data)
        elif isinstance(packet, mqtt5.PublishPacket) and packet.packet_id:
            self._place.loop.call_soon(self._session.acknowledged, packet.packet_id)

    def may_receive(self, message: Message) -> bool:
        """Whether the policies let the device have it; closes the connection if not."""
        if self._permissions.allows("Receive", "topic", message.topic):
            return True
        self._not_authorized("Receive", message.topic)
        return False

    def _not_authorized(self, action: str, name: str) -> None:
        self.close(_Code.NOT_AUTHORIZED, f"no policy allows iot:{action} on {name}")

    def _publish(self, packet: mqtt5.PublishPacket) -> None:
        topic = self._topic(packet)
        problem = topic_problem(topic)
        if problem is None and topic.startswith("$") and not topic.startswith(SERVICE_TOPICS):
            problem = f"{topic} is reserved"
        if problem:
            raise BadPacket(problem, 0x90)
        if packet.qos == mqtt5.QoS.EXACTLY_ONCE:
            raise BadPacket("QoS 2 is not supported", 0x9B)
        for action in ("Publish", "RetainPublish") if packet.retain else ("Publish",):
            if not self._permissions.allows(action, "topic", topic):
                self._not_authorized(action, topic)
                return
        if not topic.startswith("$"):
            self._place.broker.publish(self._message(packet, topic), self.client_id)
        if packet.packet_id is not None:
            self.send(mqtt5.PubAckPacket(packet.packet_id))

    def _topic(self, packet: mqtt5.PublishPacket) -> str:
        alias, topic = packet.topic_alias, str(packet.topic)
        if alias is None:
            return topic
        if not 1 <= alias <= TOPIC_ALIAS_MAXIMUM:
            raise BadPacket(f"topic alias {alias}, the maximum is {TOPIC_ALIAS_MAXIMUM}", 0x94)
        if topic:
            self._aliases[alias] = topic
        if alias not in self._aliases:
            raise BadPacket(f"topic alias {alias} was never set", 0x82)
        return self._aliases[alias]

    def _message(self, packet: mqtt5.PublishPacket, topic: str) -> Message:
        expiry = packet.message_expiry_interval
        return Message(
            topic,
            packet.payload,
            qos=int(packet.qos),
            retain=packet.retain,
            properties=_properties(packet),
            expires_at=None if expiry is None else self._place.clock() + expiry,
        )

    def _subscribe(self, packet: mqtt5.SubscribePacket) -> None:
        if len(packet.topic_filters) > FILTERS_IN_SUBSCRIBE:
            raise BadPacket(f"over {FILTERS_IN_SUBSCRIBE} topic filters in one SUBSCRIBE", 0x97)
        if packet.subscription_id is not None:
            raise BadPacket("subscription identifiers are not supported", 0xA1)
        for topic_filter in packet.topic_filters:
            if not self._may_subscribe(topic_filter):
                return
        codes, new = [], []
        for topic_filter in packet.topic_filters:
            code, retained_for = self._add(topic_filter)
            codes.append(code)
            new += retained_for
        self.send(mqtt5.SubAckPacket(packet.packet_id, codes))
        for subscription in new:
            self._place.broker.send_retained(self._session, subscription)

    def _may_subscribe(self, topic_filter: mqtt5.TopicFilter) -> bool:
        pattern = topic_filter.pattern
        problem = filter_problem(pattern)
        if problem:
            raise BadPacket(problem, 0x8F)
        if topic_filter.max_qos == mqtt5.QoS.EXACTLY_ONCE:
            raise BadPacket("QoS 2 is not supported", 0x9B)
        if not self._permissions.allows("Subscribe", "topicfilter", pattern):
            self._not_authorized("Subscribe", pattern)
            return False
        return True

    def _add(self, asked: mqtt5.TopicFilter) -> tuple[mqtt5.SubAckReasonCode, list[Subscription]]:
        known = self._session.subscriptions
        if asked.pattern not in known and len(known) >= SUBSCRIPTIONS:
            return mqtt5.SubAckReasonCode.QUOTA_EXCEEDED, []
        subscription = Subscription(
            self.client_id,
            asked.pattern,
            int(asked.max_qos),
            asked.no_local,
            asked.retain_as_published,
            share_group(asked.pattern),
        )
        is_new = self._place.broker.subscribe(self._session, subscription)
        wants_retained = asked.retain_handling == mqtt5.RetainHandling.SEND_ALWAYS or (
            asked.retain_handling == mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS and is_new
        )
        granted = mqtt5.SubAckReasonCode(int(asked.max_qos))
        return granted, [subscription] if wants_retained else []

    def _unsubscribe(self, packet: mqtt5.UnsubscribePacket) -> None:
        was_there = [
            self._place.broker.unsubscribe(self._session, pattern) for pattern in packet.patterns
        ]
        codes = [mqtt5.UnsubAckReasonCode(0 if there else 17) for there in was_there]
        self.send(mqtt5.UnsubAckPacket(packet.packet_id, codes))

    def _disconnect(self, packet: mqtt5.DisconnectPacket) -> None:
        if packet.reason_code != _Code.DISCONNECT_WITH_WILL_MESSAGE:
            self._will = None
        if packet.session_expiry_interval is not None:
            if self._session.expiry_seconds == 0 and packet.session_expiry_interval:
                raise BadPacket("the session was to end with the connection", 0x82)
            self._session.expiry_seconds = packet.session_expiry_interval
        self._wire.close()
        self._leave()


def _will_message(will: mqtt5.Will) -> Message:
    return Message(
        will.topic,
        will.payload or b"",
        qos=int(will.qos),
        retain=will.retain,
        properties=_properties(will),
    )


def _properties(source: mqtt5.PublishPacket | mqtt5.Will) -> dict[str, Any]:
    """The MQTT 5 properties that go through unchanged, without those not set."""
    values = {name: getattr(source, name) for name in _PASSED_ON}
    return {name: value for name, value in values.items() if value}
