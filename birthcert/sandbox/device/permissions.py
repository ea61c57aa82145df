"""What one connected device may do: its certificate's policies and its connection's variables."""

from cryptography import x509

from birthcert.jitp.authorization import Statement, is_allowed, statements
from birthcert.jitp.variables import ConnectingThing, connection_variables
from birthcert.sandbox.iot.certificates import DeviceCertificate
from birthcert.sandbox.iot.registry import IotRegistry


class Permissions:
    """Judges acts of one connection; looks policies and things up once until `forget()`."""

    def __init__(
        self,
        registry: IotRegistry,
        certificate: DeviceCertificate,
        leaf: x509.Certificate,
        client_id: str,
    ) -> None:
        self._registry, self._certificate, self._leaf = registry, certificate, leaf
        self._client_id = client_id
        self._prefix = certificate.arn.rpartition(":")[0]
        self._looked_up: tuple[list[Statement], dict[str, str]] | None = None

    def forget(self) -> None:
        """Look everything up again at the next act: a policy or an attachment changed."""
        self._looked_up = None

    def allows(self, action: str, kind: str, name: str) -> bool:
        """Whether `iot:ACTION` on `KIND/NAME` is allowed (`Publish`, `topic`, `a/b`)."""
        if self._looked_up is None:
            documents = self._registry.policies_of(self._certificate.arn)
            self._looked_up = statements(documents), self._variables()
        policy, variables = self._looked_up
        return is_allowed(policy, f"iot:{action}", f"{self._prefix}:{kind}/{name}", variables)

    def _variables(self) -> dict[str, str]:
        found = self._registry.thing(self._client_id)
        if found is None:
            return connection_variables(self._client_id, self._leaf, None)
        attached = self._client_id in self._registry.things_of(self._certificate.arn)
        thing = ConnectingThing(attached, found.thing_type or "", found.attributes)
        return connection_variables(self._client_id, self._leaf, thing)
