"""What a provisioning template may ask of a device's certificate, and what it does ask [26]."""

from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from birthcert.jitp.documents import Json, parse_object

PREFIX: Final = "AWS::IoT::Certificate::"
COMMON_NAME: Final = f"{PREFIX}CommonName"
CERTIFICATE_ID: Final = f"{PREFIX}Id"
SUBJECT_PARAMETERS: Final[dict[str, x509.ObjectIdentifier]] = {
    f"{PREFIX}Country": NameOID.COUNTRY_NAME,
    f"{PREFIX}Organization": NameOID.ORGANIZATION_NAME,
    f"{PREFIX}OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    f"{PREFIX}DistinguishedNameQualifier": NameOID.DN_QUALIFIER,
    f"{PREFIX}StateName": NameOID.STATE_OR_PROVINCE_NAME,
    COMMON_NAME: NameOID.COMMON_NAME,
    f"{PREFIX}SerialNumber": NameOID.SERIAL_NUMBER,
}


def parameters_of(body: str) -> set[str]:
    """The parameters that a template wants from a device certificate's subject, by full name.

    Without `AWS::IoT::Certificate::Id`, which every certificate has. ValueError where the body
    is no JSON object with Parameters.
    """
    parsed = parse_object(body, "the template")
    if isinstance(parsed, str):
        raise ValueError(parsed)
    declared = parsed.get("Parameters", {})
    if not isinstance(declared, dict):
        raise ValueError("the template's Parameters must be a JSON object")
    return set(declared) - {CERTIFICATE_ID}


def parameter_values(subject: x509.Name, certificate_id: str) -> dict[str, str]:
    """The parameters that AWS IoT fills in for a device certificate; the first of several."""
    found = {
        name: str(attributes[0].value)
        for name, oid in SUBJECT_PARAMETERS.items()
        if (attributes := subject.get_attributes_for_oid(oid)) and attributes[0].value
    }
    return {**found, CERTIFICATE_ID: certificate_id}


def missing_parameters(body: str, subject: x509.Name) -> list[str]:
    """The declared parameters that a subject lacks, sorted: provisioning fails with any [26].

    A Default does not help: every declared parameter must be in the subject. ValueError as
    `parameters_of`.
    """
    return sorted(parameters_of(body) - set(parameter_values(subject, "")))


def references(value: Any) -> set[str]:
    """The names of all `{"Ref": name}` in a part of a template."""
    if isinstance(value, list):
        return {name for each in value for name in references(each)}
    if not isinstance(value, dict):
        return set()
    own = {value["Ref"]} if set(value) == {"Ref"} and isinstance(value["Ref"], str) else set()
    return own | {name for each in value.values() for name in references(each)}


def resolve(value: Any, values: dict[str, str]) -> Any:
    """A part of a template with every Ref and Fn::Join filled in; KeyError for a value not there.

    Dictionaries and lists are resolved throughout; strings stay as they are.
    """
    if isinstance(value, list):
        return [resolve(each, values) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return values[value["Ref"]]
    if set(value) == {"Fn::Join"}:
        return _joined(value, values)
    return {name: resolve(each, values) for name, each in value.items()}


def _joined(value: Json, values: dict[str, str]) -> str:
    separator, parts = value["Fn::Join"]
    return str(separator).join(str(resolve(part, values)) for part in parts)
