"""Whether a CONNECT is let in: the certificate, its first connection, quotas and policies."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

import mqtt5
from cryptography import x509

from birthcert.device.topics import topic_problem
from birthcert.jitp.parameters import COMMON_NAME, parameter_values
from birthcert.pki.certificates import certificate_id
from birthcert.sandbox.device.permissions import Permissions
from birthcert.sandbox.device.place import Place
from birthcert.sandbox.device.provisioning import ProvisioningFailed, provision
from birthcert.sandbox.device.session import Message
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.ca_certificates import RegisteredCa
from birthcert.sandbox.iot.certificates import DeviceCertificate

CLIENT_ID_MAX_BYTES = 128
EVENT_TOPIC = "$aws/events/certificates/registered/"
_Code = mqtt5.ConnAckReasonCode


class Refused(Exception):
    """The connection is closed; with `code` an MQTT 5 client gets a CONNACK first.

    MQTT 3.1.1 clients never get one: AWS just hangs up.
    """

    def __init__(self, reason: str, code: mqtt5.ConnAckReasonCode | None = None) -> None:
        self.reason, self.code = reason, code
        super().__init__(reason)


@dataclass(frozen=True)
class Admitted:
    """A device that may connect."""

    client_id: str
    assigned: bool
    certificate_id: str
    permissions: Permissions


async def admit(place: Place, peer_certificate: bytes, connect: mqtt5.ConnectPacket) -> Admitted:
    """Let a CONNECT in; raises Refused. `peer_certificate` is DER.

    The first connection of a certificate registers and provisions it, and is refused all the
    same (aws-semantics rule 25).
    """
    if place.counter.drops_this_one():
        raise Refused("dropped by the knob drop_connection_nth")
    client_id = connect.client_id or f"$GEN/{uuid.uuid4()}"
    if len(client_id.encode()) > CLIENT_ID_MAX_BYTES:
        raise Refused(
            f"the client id is over {CLIENT_ID_MAX_BYTES} bytes", _Code.CLIENT_ID_NOT_VALID
        )
    problem = place.quotas.connect_problem(client_id)
    if problem:
        raise Refused(problem, _Code.QUOTA_EXCEEDED)
    leaf = x509.load_der_x509_certificate(peer_certificate)
    certificate = await _active_certificate(place, leaf)
    permissions = Permissions(place.registry, certificate, leaf, client_id)
    if not permissions.allows("Connect", "client", client_id):
        raise Refused(f"no policy lets it connect as {client_id}", _Code.NOT_AUTHORIZED)
    if connect.will is not None:
        _check_will(permissions, connect.will)
    return Admitted(client_id, not connect.client_id, certificate.certificate_id, permissions)


async def _active_certificate(place: Place, leaf: x509.Certificate) -> DeviceCertificate:
    certificate = place.registry.certificate(certificate_id(leaf))
    if certificate is None:
        await _first_connection(place, leaf)
        raise Refused("the first connection of a certificate is dropped: connect again")
    if certificate.status != "ACTIVE":
        raise Refused(f"the certificate is {certificate.status}", _Code.NOT_AUTHORIZED)
    return certificate


def _check_will(permissions: Permissions, will: mqtt5.Will) -> None:
    problem = topic_problem(will.topic)
    if problem:
        raise Refused(f"will: {problem}", _Code.TOPIC_NAME_INVALID)
    if will.qos == mqtt5.QoS.EXACTLY_ONCE:
        raise Refused("will: QoS 2 is not supported", _Code.QUALITY_NOT_SUPPORTED)
    actions = ["Publish", "RetainPublish"] if will.retain else ["Publish"]
    for action in actions:
        if not permissions.allows(action, "topic", will.topic):
            raise Refused(f"no policy allows iot:{action} of the will", _Code.NOT_AUTHORIZED)


async def _first_connection(place: Place, leaf: x509.Certificate) -> None:
    ca = _registering_ca(place, leaf)
    try:
        certificate = place.registry.register_device_certificate(leaf, ca, "PENDING_ACTIVATION")
    except AwsError as error:  # such as: registered over HTTP in the meantime
        raise Refused(str(error)) from error
    place.broker.publish(_registered_event(place, certificate, ca))
    config = ca.registration_config
    if not config:
        return
    await asyncio.sleep(place.knobs.now.provisioning_seconds)
    try:
        provision(place.registry, certificate, leaf, config)
    except ProvisioningFailed as error:
        names = parameter_values(leaf.subject, certificate.certificate_id)
        place.diary.provisioning_failed(
            certificate_id=certificate.certificate_id,
            common_name=names.get(COMMON_NAME, ""),
            ca_certificate_id=ca.certificate_id,
            reason=str(error),
        )


def _registering_ca(place: Place, leaf: x509.Certificate) -> RegisteredCa:
    ca = place.registry.ca_for(leaf)
    if ca is None:
        raise Refused("the CA that signed the certificate is not registered")
    if ca.status != "ACTIVE":
        raise Refused(f"the CA certificate {ca.certificate_id} is {ca.status}")
    if ca.auto_registration != "ENABLE":
        raise Refused(f"auto-registration of the CA certificate {ca.certificate_id} is off")
    problem = place.quotas.registration_problem()
    if problem:
        raise Refused(problem, _Code.QUOTA_EXCEEDED)
    return ca


def _registered_event(place: Place, certificate: DeviceCertificate, ca: RegisteredCa) -> Message:
    now = int(place.clock() * 1000)
    event: dict[str, Any] = {
        "certificateId": certificate.certificate_id,
        "caCertificateId": ca.certificate_id,
        "timestamp": now,
        "certificateStatus": "PENDING_ACTIVATION",
        "awsAccountId": certificate.arn.split(":")[4],
        "certificateRegistrationTimestamp": str(now),
    }
    return Message(EVENT_TOPIC + ca.certificate_id, json.dumps(event).encode(), qos=1)
