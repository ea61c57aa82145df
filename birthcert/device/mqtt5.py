"""MQTT 5 by AWS's own client."""

import contextlib
import queue
import threading
from concurrent.futures import Future, InvalidStateError, TimeoutError
from typing import Any, Final

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt5_client_builder

from birthcert.device.connection import (
    ANSWER_SECONDS,
    NEVER_SECONDS,
    Message,
    act_refused,
    answer_of,
    no_answer,
    tls_facts,
)
from birthcert.device.crt_errors import not_connected, refused_by_code
from birthcert.device.identity import Identity
from birthcert.device.refusals import NotConnected
from birthcert.device.target import Target

_QOS: Final = mqtt5.QoS.AT_LEAST_ONCE
_FIRST_ERROR_CODE: Final = 0x80
_POLL_SECONDS: Final = 0.05


class Mqtt5Connection:
    """A Connection; opening it is one try, and it is never made anew by itself."""

    def __init__(self, target: Target, identity: Identity, client_id: str) -> None:
        self._connected: Future[None] = Future()
        self._lost: Future[str] = Future()
        self._stopped = threading.Event()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        try:
            self._client = self._build(target, identity, client_id)
            self._client.start()
            self._connected.result(ANSWER_SECONDS)
        except AwsCrtError as error:  # the SDK refused what it was given
            raise not_connected(error, target) from error
        except TimeoutError:
            self.close()
            raise no_answer() from None
        except NotConnected:
            self.close()
            raise

    def _build(self, target: Target, identity: Identity, client_id: str) -> Any:
        return mqtt5_client_builder.mtls_from_bytes(
            **tls_facts(target, identity, client_id),
            session_behavior=mqtt5.ClientSessionBehaviorType.CLEAN,
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            min_reconnect_delay_ms=NEVER_SECONDS * 1_000,
            max_reconnect_delay_ms=NEVER_SECONDS * 1_000,
            on_publish_received=self._on_message,
            on_lifecycle_connection_success=lambda _: self._connected.set_result(None),
            on_lifecycle_connection_failure=lambda data: self._on_failure(data, target),
            on_lifecycle_disconnection=self._on_disconnection,
            on_lifecycle_stopped=lambda _: self._stopped.set(),
        )

    def _on_message(self, data: Any) -> None:
        packet = data.publish_packet
        self._messages.put(Message(packet.topic, bytes(packet.payload or b"")))

    def _on_failure(self, data: Any, target: Target) -> None:
        connack = data.connack_packet
        if connack is None:
            failure = not_connected(data.exception, target)
        else:
            failure = refused_by_code(_name(connack.reason_code), connack.reason_string)
        with contextlib.suppress(InvalidStateError):
            self._connected.set_exception(failure)

    def _on_disconnection(self, data: Any) -> None:
        packet = data.disconnect_packet
        reason = _told(packet) if packet else "it closed the connection"
        with contextlib.suppress(InvalidStateError):
            self._lost.set_result(reason)

    def subscribe(self, topic_filter: str) -> None:
        """Ask for messages at QoS 1; raises ActRefused."""
        packet = mqtt5.SubscribePacket([mqtt5.Subscription(topic_filter, _QOS)])
        act = "subscribe to"
        answer = answer_of(self._client.subscribe(packet), self._lost, act=act, topic=topic_filter)
        for code in answer.reason_codes:
            if code >= _FIRST_ERROR_CODE:
                raise act_refused(act, topic_filter, _name(code))

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at QoS 1 and wait for the PUBACK; raises ActRefused."""
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=_QOS)
        act = "publish to"
        answer = answer_of(self._client.publish(packet), self._lost, act=act, topic=topic)
        if answer.puback.reason_code >= _FIRST_ERROR_CODE:
            raise act_refused(act, topic, _told(answer.puback))

    def receive(self, seconds: float) -> Message | None:
        """The next message, None after `seconds`; raises ActRefused when the connection ended."""
        return next_message(self._messages, self._lost, seconds)

    def close(self) -> None:
        """Say farewell and wait until the client has stopped."""
        self._client.stop(mqtt5.DisconnectPacket())
        self._stopped.wait(ANSWER_SECONDS)


def next_message(
    messages: "queue.SimpleQueue[Message]", lost: "Future[str]", seconds: float
) -> Message | None:
    """A message from the queue; None after `seconds`, ActRefused when the connection is lost."""
    polls = max(1, round(seconds / _POLL_SECONDS))
    for _ in range(polls):
        with contextlib.suppress(queue.Empty):
            return messages.get(timeout=_POLL_SECONDS)
        if lost.done() and messages.empty():
            raise act_refused("deliver", "what was subscribed to", lost.result())
    return None


def _name(code: Any) -> str:
    return str(getattr(code, "name", code)).replace("_", " ").lower()


def _told(packet: Any) -> str:
    name = _name(packet.reason_code)
    return f"{name} ({packet.reason_string})" if packet.reason_string else name
