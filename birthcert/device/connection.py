"""A device's MQTT connection, whatever the version: what it offers, and how one is opened."""

import concurrent.futures
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar

from birthcert.device.identity import Identity
from birthcert.device.refusals import ActRefused, NotConnected
from birthcert.device.target import Target

MqttVersion = Literal["mqtt5", "mqtt311"]
Answer = TypeVar("Answer")
ANSWER_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 60
# beyond any use: a connection that ends is not made anew behind our back
NEVER_SECONDS: Final = 3_600
SDK_METRICS: Final = False  # the SDK would tell AWS its name and version in the user name


@dataclass(frozen=True)
class Message:
    """A message that came in."""

    topic: str
    payload: bytes


class Connection(Protocol):
    """An accepted connection; everything is at QoS 1 and waits for the endpoint's answer."""

    def subscribe(self, topic_filter: str) -> None:
        """Ask for messages; ActRefused where the endpoint will not."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message; ActRefused where the endpoint will not have it."""

    def receive(self, seconds: float) -> Message | None:
        """The next message, None if none came in time; ActRefused when the connection ended."""

    def close(self) -> None:
        """Say farewell; returns when the connection is over."""


def open_connection(
    target: Target, identity: Identity, client_id: str, version: MqttVersion
) -> Connection:
    """One try to connect over mutual TLS with SNI; raises NotConnected [25, 31]."""
    # here and not above: the SDK takes a third of a second to import
    if version == "mqtt5":
        from birthcert.device.mqtt5 import Mqtt5Connection

        return Mqtt5Connection(target, identity, client_id)
    from birthcert.device.mqtt311 import Mqtt311Connection

    return Mqtt311Connection(target, identity, client_id)


def answer_of(
    future: "concurrent.futures.Future[Answer]",
    lost: "concurrent.futures.Future[str]",
    *,
    act: str,
    topic: str,
) -> Answer:
    """What the endpoint answers to an act; ActRefused when it hangs up or is silent instead."""
    either: list[Any] = [future, lost]
    concurrent.futures.wait(either, ANSWER_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED)
    if lost.done():
        raise act_refused(act, topic, lost.result())
    if not future.done():
        raise act_refused(act, topic, f"no answer for {ANSWER_SECONDS:.0f} s")
    error = future.exception()
    if error is not None:
        # the connection's end fails the operation a moment before it is told itself
        concurrent.futures.wait([lost], 1.0)
        raise act_refused(act, topic, lost.result() if lost.done() else str(error))
    return future.result()


def act_refused(act: str, topic: str, reason: str) -> ActRefused:
    """The error of a refused act."""
    return ActRefused(
        f"the endpoint refused to {act} {topic}: {reason}",
        remedy="check that the device's policy allows the topic",
        act=act,
        topic=topic,
        reason=reason,
    )


def tls_facts(target: Target, identity: Identity, client_id: str) -> dict[str, Any]:
    """What both of AWS's builders take; the key and the chain never touch a disk."""
    return {
        "endpoint": target.host,
        "port": target.port,
        "cert_bytes": identity.chain_pem,
        "pri_key_bytes": identity.key_pem,
        "ca_bytes": target.server_ca,
        "client_id": client_id,
        "keep_alive_interval_sec": KEEP_ALIVE_SECONDS,
        "enable_metrics_collection": SDK_METRICS,
    }


def no_answer() -> NotConnected:
    """The error of a connection try that nothing was heard of."""
    return NotConnected(
        "silent",
        f"the endpoint did not answer for {ANSWER_SECONDS:.0f} s",
        remedy="try again; check the network between here and the endpoint",
    )
