"""The variables that AWS IoT fills into a policy for one connection [29]. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

_NAME_VARIABLES: Final = {
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


@dataclass(frozen=True)
class ConnectingThing:
    """The thing whose name is the client id; `attached`: to the connection's certificate."""

    attached: bool
    thing_type: str
    attributes: Mapping[str, str]


def connection_variables(
    client_id: str, leaf: x509.Certificate, thing: ConnectingThing | None
) -> dict[str, str]:
    """The variables and their values; those of a thing only where the client id names one."""
    return {
        "iot:ClientId": client_id,
        **(_thing_variables(client_id, thing) if thing else {}),
        **_name_variables("iot:Certificate.Subject", leaf.subject),
        **_name_variables("iot:Certificate.Issuer", leaf.issuer),
        "iot:Certificate.SerialNumber": str(leaf.serial_number),
    }


def _thing_variables(name: str, thing: ConnectingThing) -> dict[str, str]:
    variables = {"ThingName": name, "IsAttached": str(thing.attached).lower()}
    if thing.thing_type:
        variables["ThingTypeName"] = thing.thing_type
    for attribute, value in thing.attributes.items():
        variables[f"Attributes[{attribute}]"] = value
    return {f"iot:Connection.Thing.{key}": value for key, value in variables.items()}


def _name_variables(prefix: str, name: x509.Name) -> dict[str, str]:
    variables: dict[str, str] = {}
    for key, oid in _NAME_VARIABLES.items():
        values = [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]
        for index, value in enumerate(values):
            variables[f"{prefix}.{key}.{index}"] = value
        if values:
            variables[f"{prefix}.{key}"] = values[0]
    return variables
