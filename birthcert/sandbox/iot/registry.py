"""AWS IoT's control plane for one account and region: the one door to its books."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cryptography import x509

from birthcert.sandbox.iot.attachments import Attachments
from birthcert.sandbox.iot.ca_certificates import (
    DEFAULT,
    CaCertificates,
    FindElsewhere,
    RegisteredCa,
)
from birthcert.sandbox.iot.certificates import DeviceCertificate, DeviceCertificates
from birthcert.sandbox.iot.endpoint import Endpoints
from birthcert.sandbox.iot.issued import IssuedCertificates
from birthcert.sandbox.iot.links import Links
from birthcert.sandbox.iot.place import Action, Params, Place
from birthcert.sandbox.iot.policies import Policies
from birthcert.sandbox.iot.provisioning import FindRole, ProvisioningRoles
from birthcert.sandbox.iot.tags import Tags
from birthcert.sandbox.iot.thing_types import ThingTypes
from birthcert.sandbox.iot.things import Thing, Things
from birthcert.sandbox.state import SandboxState

Listener = Callable[[str], None]


class IotRegistry:
    """AWS IoT of one account and region: `handle` for HTTP, the rest for the device endpoint.

    `find_role` looks into IAM; `elsewhere` finds a CA that another account of the region holds in
    DEFAULT mode. Every method may be called from any thread; listeners hear of a change after it
    is done, in the thread that made it and outside the lock.
    """

    def __init__(
        self,
        state: SandboxState,
        *,
        partition: str,
        region: str,
        account: str,
        find_role: FindRole = lambda _arn: None,
        elsewhere: FindElsewhere = lambda _identity: None,
    ) -> None:
        self.place = place = Place(state, partition, region, account)
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        thing_links, policy_links = Links(place), Links(place)
        self._thing_links, self._policy_links = thing_links, policy_links
        self._roles = ProvisioningRoles(place, find_role)
        self._cas = CaCertificates(place, self._roles, elsewhere)
        self._certificates = DeviceCertificates(place, self._cas)
        self._types = ThingTypes(place)
        self._things = Things(place, self._types, thing_links)
        self._policies = Policies(place, policy_links)
        self._attachments = Attachments(
            place, self._certificates, self._things, self._policies, thing_links, policy_links
        )
        self.actions = self._all_actions()

    def _all_actions(self) -> dict[str, Action]:
        tags = Tags(
            self.place,
            {
                "cacert": lambda name: _tags_of(self._cas.by_id.get(name)),
                "thingtype": lambda name: _tags_of(self._types.by_name.get(name)),
                "policy": lambda name: _tags_of(self._policies.by_name.get(name)),
            },
        )
        issued = IssuedCertificates(self.place, self._certificates)
        return {
            **self._cas.actions,
            **self._certificates.actions,
            **self._types.actions,
            **self._things.actions,
            **self._policies.actions,
            **self._attachments.actions,
            **tags.actions,
            **issued.actions,
            **Endpoints(self.place).actions,
        }

    def handle(self, action: str, params: Params) -> Params:
        """Answer one request of AWS's API; AwsError where AWS would refuse it."""
        with self._changing():
            return self.actions[action](params)

    def subscribe(self, listener: Listener) -> None:
        """Have `listener` called with a certificate's or CA's id whenever it is not as it was.

        That is: status, deletion, attached things and policies, and what these say.
        """
        self._listeners.append(listener)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        touched: list[str] = []
        try:
            with self._lock:
                try:
                    yield
                finally:
                    touched[:] = dict.fromkeys(self.place.touched)
                    self.place.touched.clear()
        finally:
            for identity in touched:
                for listener in self._listeners:
                    listener(identity)

    def registered_cas(self) -> list[RegisteredCa]:
        """All registered CA certificates, whatever their status."""
        with self._lock:
            return list(self._cas.by_id.values())

    def ca_in_default_mode(self, certificate_id: str) -> RegisteredCa | None:
        """The registered CA of an id, if it is in DEFAULT mode: one account a region may [21]."""
        ca = self._cas.by_id.get(certificate_id)
        return ca if ca and ca.mode == DEFAULT else None

    def ca_for(self, leaf: x509.Certificate) -> RegisteredCa | None:
        """The registered CA that signed a certificate, by name and by signature.

        Of several, one that provisions comes first, then an ACTIVE one, then the newest.
        """
        with self._lock:
            signers = list(self._cas.signers(leaf))
        return max(
            signers,
            key=lambda ca: (ca.status == "ACTIVE", ca.auto_registration == "ENABLE", ca.serial),
            default=None,
        )

    def certificate(self, certificate_id: str) -> DeviceCertificate | None:
        """The device certificate of an id, if it is registered."""
        return self._certificates.by_id.get(certificate_id)

    def register_device_certificate(
        self, leaf: x509.Certificate, ca: RegisteredCa, status: str
    ) -> DeviceCertificate:
        """Enter a device certificate in any status, PENDING_ACTIVATION too.

        AwsError ResourceAlreadyExistsException where it is registered.
        """
        with self._changing():
            return self._certificates.add(leaf, ca, status)

    def set_certificate_status(self, certificate_id: str, status: str) -> None:
        """Change a certificate's status; AwsError ResourceNotFoundException without one."""
        with self._changing():
            self._certificates.set_status(self._certificates.find(certificate_id), status)

    def create_thing(self, name: str, thing_type: str | None, attributes: dict[str, str]) -> Thing:
        """CreateThing: AwsError as AWS answers it."""
        with self._changing():
            return self._things.create(name, thing_type, attributes)

    def thing(self, name: str) -> Thing | None:
        """The thing of a name, if there is one."""
        return self._things.by_name.get(name)

    def things(self) -> list[Thing]:
        """All things, oldest first."""
        with self._lock:
            return list(self._things.by_name.values())

    def update_thing(
        self,
        name: str,
        *,
        thing_type: str | None,
        attributes: dict[str, str] | None,
        merge: bool = False,
    ) -> None:
        """UpdateThing: the type becomes `thing_type` (None: no type), attributes None stay."""
        with self._changing():
            self._things.update(
                self._things.find(name), thing_type=thing_type, attributes=attributes, merge=merge
            )

    def thing_type_exists(self, name: str) -> bool:
        """Whether there is a thing type of that name, deprecated or not."""
        return name in self._types.by_name

    def create_policy(self, name: str, document: str) -> None:
        """CreatePolicy: AwsError as AWS answers it."""
        with self._changing():
            self._policies.create(name, document, {})

    def policy_document(self, name: str) -> str | None:
        """The document of a policy's default version, if there is such a policy."""
        policy = self._policies.by_name.get(name)
        return policy.document if policy else None

    def attach_policy(self, name: str, certificate_arn: str) -> None:
        """AttachPolicy: AwsError as AWS answers it."""
        with self._changing():
            self._attachments.attach_policy(name, certificate_arn)

    def attach_thing(self, name: str, certificate_arn: str) -> None:
        """AttachThingPrincipal: AwsError as AWS answers it."""
        with self._changing():
            self._attachments.attach_thing(name, certificate_arn)

    def policies_of(self, certificate_arn: str) -> list[str]:
        """The documents in force of the policies on a certificate."""
        with self._lock:
            links = self._policy_links.of_principal(certificate_arn)
            return [self._policies.find(link.target).document for link in links]

    def things_of(self, certificate_arn: str) -> list[str]:
        """The names of the things a certificate hangs on."""
        with self._lock:
            return [link.target for link in self._thing_links.of_principal(certificate_arn)]

    def assume_provisioning_role(self, role_arn: str) -> None:
        """AwsError with the reason unless AWS IoT can assume the role [27, 28]."""
        with self._lock:
            self._roles.assume(role_arn)

    def role_may_provision(self, role_arn: str) -> list[str]:
        """What keeps the role from provisioning, as sentences; none if it may [27]."""
        return self._roles.may_provision(role_arn)

    def books(self) -> dict[str, list[Params]]:
        """What is registered here, for the sandbox's own page."""
        with self._lock:
            return {
                "registrations": [self._ca_entry(ca) for ca in self._cas.by_id.values()],
                "things": [self._thing_entry(thing) for thing in self._things.by_name.values()],
                "device_certificates": [
                    self._certificate_entry(certificate)
                    for certificate in self._certificates.by_id.values()
                ],
            }

    def _ca_entry(self, ca: RegisteredCa) -> Params:
        config = ca.registration_config or {}
        return {
            "certificate_id": ca.certificate_id,
            "arn": ca.arn,
            "authority_subject": ca.certificate.subject.rfc4514_string(),
            "status": ca.status,
            "auto_registration": ca.auto_registration,
            "mode": ca.mode,
            "role_arn": config.get("roleArn"),
            "template_body": config.get("templateBody"),
            "tags": dict(ca.tags),
            **self._where(),
        }

    def _thing_entry(self, thing: Thing) -> Params:
        links = self._thing_links.of_target(thing.name)
        return {
            "name": thing.name,
            "type": thing.thing_type,
            "attributes": dict(thing.attributes),
            "principals": [link.principal for link in links],
            **self._where(),
        }

    def _certificate_entry(self, certificate: DeviceCertificate) -> Params:
        policies = self._policy_links.of_principal(certificate.arn)
        return {
            "certificate_id": certificate.certificate_id,
            "arn": certificate.arn,
            "status": certificate.status,
            "ca_certificate_id": certificate.ca_certificate_id,
            "things": self.things_of(certificate.arn),
            "policies": [link.target for link in policies],
            "subject": certificate.subject,
            **self._where(),
        }

    def _where(self) -> Params:
        return {"account": self.place.account, "region": self.place.region}


def _tags_of(resource: object) -> dict[str, str] | None:
    return getattr(resource, "tags", None)
