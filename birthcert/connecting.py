"""A device connected from the command line, what it does there, and why it was not let in."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from birthcert import limits
from birthcert.aws.devices import find_device_certificate
from birthcert.aws.diagnosis import Device, Diagnosis, diagnose
from birthcert.aws.permissions import Action
from birthcert.device.connection import Connection, Message, MqttVersion, open_connection
from birthcert.device.dialling import Dialled, NotDialled, Schedule, dial
from birthcert.device.identity import Identity, load_identity, read_file
from birthcert.device.refusals import ActRefused, NotConnected
from birthcert.device.target import Target, why_unreachable
from birthcert.device.topics import filter_problem, topic_problem
from birthcert.errors import AwsCallFailed, BirthcertError, ConfigurationError, UnusableInput
from birthcert.models import Facts, Finding, WhereRequest
from birthcert.passphrase import read_passphrase
from birthcert.pki.names import device_name_problem
from birthcert.reaching import Operator, find_operator, given_target, resolve_target
from birthcert.settings import load_settings

log = logging.getLogger(__name__)
ACTIVE: Final = "ACTIVE"


class ConnectRequest(WhereRequest):
    """A device to be, and what it does once it is connected."""

    certificate: Path
    key: Path
    key_passphrase_file: str | None = None
    thing_name: str | None = None
    endpoint: str | None = None
    port: int | None = None
    server_ca: Path | None = None
    protocol: MqttVersion = "mqtt5"
    topic: str | None = None
    message_file: Path | None = None
    subscribe: str | None = None
    wait_seconds: Annotated[float, Field(ge=0, le=86_400)] = 10.0


class ReceivedMessage(Facts):
    """A message that came in; bytes that are no UTF-8 are written as `\\xNN`."""

    topic: str
    payload: str


class ConnectReport(Facts):
    """The JSON of `birthcert connect --json`; `problems` say why something did not work.

    `certificate_status` is AWS IoT's own, UNREGISTERED where it never saw the certificate; empty
    where it cannot be asked and the connection does not tell either.
    """

    connected: bool
    attempts: int
    thing_name: str
    certificate_id: str
    certificate_status: str
    published: bool = False
    received: tuple[ReceivedMessage, ...] = ()
    endpoint: str
    protocol: MqttVersion
    problems: tuple[str, ...] = ()
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How a visit went: the report's facts of the same names."""

    connected: bool
    attempts: int
    certificate_status: str
    published: bool = False
    received: tuple[ReceivedMessage, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Visit:
    """One device's connecting: who it is, where it goes, what it does there."""

    request: ConnectRequest
    identity: Identity
    thing_name: str
    payload: bytes
    operator: Operator | None
    target: Target

    def diagnosis(self, act: Action = "Connect", name: str = "") -> Diagnosis:
        """What AWS says keeps the device from it; nothing where AWS cannot be asked."""
        if self.operator is None:
            return Diagnosis("", [])
        device = Device(self.identity.leaf, self.identity.chain[0], self.thing_name)
        try:
            return diagnose(self.operator.aws, self.operator.place, device, act=act, name=name)
        except BirthcertError as error:
            log.warning("AWS cannot be asked why: %s", error)
            return Diagnosis("", [])


def connect_here(
    request: ConnectRequest,
    *,
    listen: Callable[[ReceivedMessage], None] = lambda _: None,
    schedule: Schedule | None = None,
) -> ConnectReport:
    """Connect as the device and do what is asked; what AWS refuses is in the report.

    `listen` gets each message as it comes. Raises ConfigurationError and UnusableInput for what
    is wrong with the request and its files, before anything is touched [25, 29, 31].
    """
    return connect(_prepared(request), listen=listen, schedule=schedule)


def connect(
    visit: Visit,
    *,
    listen: Callable[[ReceivedMessage], None] = lambda _: None,
    schedule: Schedule | None = None,
) -> ConnectReport:
    """The same for a device that is known already."""
    started = time.monotonic()
    try:
        dialled = _dial(visit, schedule or Schedule())
    except NotDialled as failure:
        outcome = _not_connected(visit, failure)
    else:
        outcome = _act(visit, dialled, listen)
    return ConnectReport(
        **vars(outcome),
        thing_name=visit.thing_name,
        certificate_id=visit.identity.certificate_id,
        endpoint=str(visit.target),
        protocol=visit.request.protocol,
        seconds=round(time.monotonic() - started, 3),
    )


def _prepared(request: ConnectRequest) -> Visit:
    """Everything that can be known to be wrong is found here."""
    payload = _checked_acts(request)
    identity = load_identity(
        request.certificate,
        request.key,
        passphrase=lambda: read_passphrase(request.key_passphrase_file, os.environ, min_bytes=1),
        now=datetime.now(UTC),
    )
    thing_name = request.thing_name or identity.common_name
    problem = device_name_problem(thing_name)
    if problem:
        raise UnusableInput(problem, remedy="give the thing's name: --thing-name NAME")
    settings = load_settings()
    given = given_target(
        settings, endpoint=request.endpoint, port=request.port, server_ca=request.server_ca
    )
    needed = "" if request.endpoint else "to find the endpoint, unless --endpoint gives it"
    operator = find_operator(request, settings, needed_for=needed)
    target = resolve_target(operator, given)
    return Visit(request, identity, thing_name, payload, operator, target)


def _checked_acts(request: ConnectRequest) -> bytes:
    """The message's bytes; raises what is wrong with topic, message or filter."""
    problem = topic_problem(request.topic) if request.topic is not None else None
    if request.subscribe is not None:
        problem = problem or filter_problem(request.subscribe)
    if problem:
        raise ConfigurationError(problem, remedy="choose another one [AWS IoT's limits]")
    if (request.topic is None) != (request.message_file is None):
        raise ConfigurationError(
            "--topic and --message-file go together", remedy="give both, or neither"
        )
    if request.message_file is None:
        return b""
    payload = read_file(request.message_file, "the message file")
    if len(payload) > limits.MQTT_PAYLOAD_MAX_BYTES:
        raise UnusableInput(
            f"the message file {request.message_file} has {len(payload)} bytes, over AWS IoT's "
            f"{limits.MQTT_PAYLOAD_MAX_BYTES}",
            remedy="send less, or send it in parts",
        )
    return payload


def _dial(visit: Visit, schedule: Schedule) -> Dialled:
    unreachable = why_unreachable(visit.target)
    if unreachable is not None:
        raise NotDialled(unreachable, 0)
    request = visit.request
    log.info("connecting to %s as %s", visit.target, visit.thing_name)
    return dial(
        lambda: open_connection(visit.target, visit.identity, visit.thing_name, request.protocol),
        schedule=schedule,
        is_hopeless=lambda: visit.diagnosis().is_definite,
    )


def _not_connected(visit: Visit, failure: NotDialled) -> Outcome:
    # without a try the network was the reason, and AWS knows nothing of it
    diagnosis = visit.diagnosis() if failure.attempts else Diagnosis("", [])
    return Outcome(
        connected=False,
        attempts=failure.attempts,
        certificate_status=diagnosis.status,
        problems=_problems(failure.reason, diagnosis.findings),
    )


def _act(visit: Visit, dialled: Dialled, listen: Callable[[ReceivedMessage], None]) -> Outcome:
    """Subscribe, publish and receive."""
    connection, request = dialled.connection, visit.request
    act: Action = "Subscribe"
    name, published, problems = request.subscribe or "", False, tuple[str, ...]()
    received: tuple[ReceivedMessage, ...] = ()
    try:
        if request.subscribe is not None:
            connection.subscribe(request.subscribe)
        if request.topic is not None:
            act, name = "Publish", request.topic
            connection.publish(request.topic, visit.payload)
            published = True
        if request.subscribe is not None:
            act, name = "Receive", request.topic or request.subscribe
            received = _received(connection, request.wait_seconds, listen)
    except ActRefused as refused:
        problems = _problems(refused, visit.diagnosis(act, name).findings)
    finally:
        connection.close()
    return Outcome(
        connected=True,
        attempts=dialled.attempts,
        certificate_status=_status(visit),
        published=published,
        received=received,
        problems=problems,
    )


def _received(
    connection: Connection, seconds: float, listen: Callable[[ReceivedMessage], None]
) -> tuple[ReceivedMessage, ...]:
    """The first message in time, if any."""
    message = connection.receive(seconds)
    if message is None:
        log.warning("no message came in %.0f s", seconds)
        return ()
    received = _readable(message)
    listen(received)
    return (received,)


def _readable(message: Message) -> ReceivedMessage:
    text = message.payload.decode(errors="backslashreplace")
    return ReceivedMessage(topic=message.topic, payload=text)


def _status(visit: Visit) -> str:
    """AWS IoT's own word, or what an accepted connection proves."""
    if visit.operator is None:
        return ACTIVE
    try:
        found = find_device_certificate(visit.operator.aws, visit.identity.certificate_id)
    except AwsCallFailed as error:
        log.warning("the certificate's status cannot be read: %s", error)
        return ACTIVE
    return found.status if found else ACTIVE


def _problems(refusal: NotConnected | ActRefused, findings: list[Finding]) -> tuple[str, ...]:
    """Why, by AWS; by the refusal itself where AWS tells nothing."""
    return tuple(f"{refusal.what}: {each}" for each in findings) or (str(refusal),)
