"""What a device may do by the policies on its certificate, judged here as AWS IoT would [29]."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509

from birthcert.aws.access import AwsAccess
from birthcert.aws.devices import find_thing, policies_of, policy_document, things_of
from birthcert.jitp.authorization import Statement, is_allowed, statements
from birthcert.jitp.variables import ConnectingThing, connection_variables
from birthcert.models import Place

Action = Literal["Connect", "Publish", "Receive", "Subscribe"]
_RESOURCES: Final[dict[Action, str]] = {
    "Connect": "client",
    "Publish": "topic",
    "Receive": "topic",
    "Subscribe": "topicfilter",
}


@dataclass(frozen=True)
class Permissions:
    """The policies on a certificate and the variables of a connection with one client id."""

    place: Place
    policy_names: Sequence[str]
    policy: Sequence[Statement]
    variables: dict[str, str]
    attached_things: Sequence[str]
    thing_exists: bool

    def allow(self, action: Action, name: str) -> bool:
        """Whether `iot:ACTION` on a client id, topic or topic filter is allowed."""
        where = f"arn:{self.place.partition}:iot:{self.place.region}:{self.place.account}"
        resource = f"{where}:{_RESOURCES[action]}/{name}"
        return is_allowed(self.policy, f"iot:{action}", resource, self.variables)


def permissions_of(
    aws: AwsAccess, place: Place, certificate_arn: str, leaf: x509.Certificate, client_id: str
) -> Permissions:
    """The permissions of a connection with this certificate and client id."""
    names = policies_of(aws, certificate_arn)
    documents = [policy_document(aws, name) for name in names]
    attached = things_of(aws, certificate_arn)
    thing = find_thing(aws, client_id)
    connecting = None
    if thing is not None:
        connecting = ConnectingThing(client_id in attached, thing.thing_type, thing.attributes)
    return Permissions(
        place=place,
        policy_names=names,
        policy=statements(document for document in documents if document is not None),
        variables=connection_variables(client_id, leaf, connecting),
        attached_things=attached,
        thing_exists=thing is not None,
    )
