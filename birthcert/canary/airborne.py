"""The canary on the air: connected, publishing, hearing itself, as far as its policies allow."""

import logging
from typing import Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.devices import find_device_certificate
from birthcert.aws.diagnosis import Device, diagnose
from birthcert.aws.permissions import Action, Permissions, permissions_of
from birthcert.canary.bird import Bird
from birthcert.canary.checklist import Skipped
from birthcert.device.connection import Connection
from birthcert.device.dialling import NotDialled
from birthcert.errors import AwsCallFailed, BirthcertError
from birthcert.models import Finding, Place

log = logging.getLogger(__name__)
MESSAGE: Final = b"birthcert canary"
RECEIVE_SECONDS: Final = 10.0


class CheckFailed(BirthcertError):
    """Something is not as the template says; the reason is AWS's own where it tells one."""


class Airborne:
    """A connected canary and what its policies let it do."""

    def __init__(self, aws: AwsAccess, place: Place, bird: Bird, connection: Connection) -> None:
        self._connection = connection
        self._permissions = _permissions(aws, place, bird)
        self._listens = False

    def publish(self, topic: str) -> str:
        """Publish to the topic, listening to it where the policies allow that."""
        self._require("Publish", topic)
        self._listens = self._may("Subscribe", topic) and self._may("Receive", topic)
        if self._listens:
            self._connection.subscribe(topic)
        self._connection.publish(topic, MESSAGE)
        return topic

    def receive(self, topic: str) -> str:
        """Hear what was published."""
        for action in ("Subscribe", "Receive"):
            self._require(action, topic)
        message = self._connection.receive(RECEIVE_SECONDS)
        if message is None or message.payload != MESSAGE:
            raise CheckFailed(
                f"the canary's message to {topic} did not come back in {RECEIVE_SECONDS:.0f} s",
                remedy="look for a retained message or another client on this topic",
            )
        return topic

    def _may(self, action: Action, topic: str) -> bool:
        return self._permissions is None or self._permissions.allow(action, topic)

    def _require(self, action: Action, topic: str) -> None:
        if not self._may(action, topic):
            raise Skipped(f"the device policy does not allow iot:{action} on {topic}")


def refusal(aws: AwsAccess, place: Place, bird: Bird, failure: NotDialled) -> CheckFailed:
    """Why the canary was not let in, by AWS where it tells."""
    findings = _findings(aws, place, bird)
    if not findings:
        return CheckFailed(failure.reason.what, remedy=failure.reason.remedy)
    first = findings[0]
    others = "".join(f"; also: {each.what}" for each in findings[1:])
    return CheckFailed(f"{failure.reason.what}: {first.what}{others}", remedy=first.remedy)


def is_hopeless(aws: AwsAccess, place: Place, bird: Bird) -> bool:
    """Whether no further try can be accepted."""
    return any(finding.is_definite for finding in _findings(aws, place, bird))


def _findings(aws: AwsAccess, place: Place, bird: Bird) -> list[Finding]:
    device = Device(bird.identity.leaf, bird.identity.chain[0], bird.client_id)
    return diagnose(aws, place, device).findings


def _permissions(aws: AwsAccess, place: Place, bird: Bird) -> Permissions | None:
    """None where they cannot be read: then everything is tried."""
    try:
        certificate = find_device_certificate(aws, bird.identity.certificate_id)
        if certificate is None:
            return None
        return permissions_of(aws, place, certificate.arn, bird.identity.leaf, bird.client_id)
    except AwsCallFailed as error:
        log.warning("the canary's policies cannot be read: %s", error)
        return None
