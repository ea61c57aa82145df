"""What one connected device may do: its certificate's policies and its connection's variables."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from birthcert.sandbox.device.authorization import Statement, is_allowed, statements
from birthcert.sandbox.iot.certificates import DeviceCertificate
from birthcert.sandbox.iot.registry import IotRegistry

_NAME_VARIABLES = {
    "CommonName": NameOID.COMMON_NAME,
    "Country": NameOID.COUNTRY_NAME,
    "DistinguishedNameQualifier": NameOID.DN_QUALIFIER,
    "GenerationQualifier": NameOID.GENERATION_QUALIFIER,
    "GivenName": NameOID.GIVEN_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "SerialNumber": NameOID.SERIAL_NUMBER,
    "State": NameOID.STATE_OR_PROVINCE_NAME,
    "Surname": NameOID.SURNAME,
    "Title": NameOID.TITLE,
}


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
        return {
            "iot:ClientId": self._client_id,
            **self._thing_variables(),
            **_name_variables("iot:Certificate.Subject", self._leaf.subject),
            **_name_variables("iot:Certificate.Issuer", self._leaf.issuer),
            "iot:Certificate.SerialNumber": str(self._leaf.serial_number),
        }

    def _thing_variables(self) -> dict[str, str]:
        """AWS fills them only where the client id is the name of a thing."""
        thing = self._registry.thing(self._client_id)
        if thing is None:
            return {}
        attached = self._client_id in self._registry.things_of(self._certificate.arn)
        variables = {"ThingName": self._client_id, "IsAttached": str(attached).lower()}
        if thing.thing_type:
            variables["ThingTypeName"] = thing.thing_type
        for name, value in thing.attributes.items():
            variables[f"Attributes[{name}]"] = value
        return {f"iot:Connection.Thing.{name}": value for name, value in variables.items()}


def _name_variables(prefix: str, name: x509.Name) -> dict[str, str]:
    variables: dict[str, str] = {}
    for key, oid in _NAME_VARIABLES.items():
        values = [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
        for index, value in enumerate(values):
            variables[f"{prefix}.{key}.{index}"] = value
        if values:
            variables[f"{prefix}.{key}"] = values[0]
    return variables
