"""MQTT 3.1.1 by AWS's own client; this version has no reason codes: a refusal is a hang-up."""

import contextlib
import queue
from concurrent.futures import Future, InvalidStateError, TimeoutError
from typing import Any, Final

from awscrt import mqtt
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt_connection_builder

from birthcert.device.connection import (
    ANSWER_SECONDS,
    NEVER_SECONDS,
    Message,
    answer_of,
    no_answer,
    tls_facts,
)
from birthcert.device.crt_errors import not_connected
from birthcert.device.identity import Identity
from birthcert.device.mqtt5 import next_message
from birthcert.device.target import Target

_QOS: Final = mqtt.QoS.AT_LEAST_ONCE


class Mqtt311Connection:
    """A Connection; opening it is one try, and it is never made anew by itself."""

    def __init__(self, target: Target, identity: Identity, client_id: str) -> None:
        self._lost: Future[str] = Future()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        facts = tls_facts(target, identity, client_id)
        keep_alive = facts.pop("keep_alive_interval_sec")
        try:
            self._client = mqtt_connection_builder.mtls_from_bytes(
                **facts,
                keep_alive_secs=keep_alive,
                clean_session=True,
                reconnect_min_timeout_secs=NEVER_SECONDS,
                reconnect_max_timeout_secs=NEVER_SECONDS,
                on_connection_interrupted=self._on_interruption,
            )
            self._client.on_message(self._on_message)
            self._client.connect().result(ANSWER_SECONDS)
        except AwsCrtError as error:
            raise not_connected(error, target) from error
        except TimeoutError:
            self.close()
            raise no_answer() from None

    def _on_interruption(self, error: Any = None, **_: Any) -> None:
        with contextlib.suppress(InvalidStateError):
            self._lost.set_result("it closed the connection")

    def _on_message(self, topic: str, payload: bytes, **_: Any) -> None:
        self._messages.put(Message(topic, bytes(payload)))

    def subscribe(self, topic_filter: str) -> None:
        """Ask for messages at QoS 1; raises ActRefused."""
        future, _ = self._client.subscribe(topic_filter, _QOS)
        answer_of(future, self._lost, act="subscribe to", topic=topic_filter)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at QoS 1 and wait for the PUBACK; raises ActRefused."""
        future, _ = self._client.publish(topic, payload, _QOS)
        answer_of(future, self._lost, act="publish to", topic=topic)

    def receive(self, seconds: float) -> Message | None:
        """The next message, None after `seconds`; raises ActRefused when the connection ended."""
        return next_message(self._messages, self._lost, seconds)

    def close(self) -> None:
        """Say farewell and wait until the connection is over."""
        if self._lost.done():
            # it would wait for the try to reconnect that never comes
            self._client.disconnect()
            return
        with contextlib.suppress(AwsCrtError, TimeoutError):
            self._client.disconnect().result(ANSWER_SECONDS)
