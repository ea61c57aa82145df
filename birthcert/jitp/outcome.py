"""What a provisioning template will make of a device certificate [26]. Pure."""

from dataclasses import dataclass
from typing import Final

from cryptography import x509

from birthcert import limits
from birthcert.jitp.parameters import (
    COMMON_NAME,
    SUBJECT_PARAMETERS,
    parameter_values,
    parameters_of,
    resolve,
)
from birthcert.jitp.shape import Policy, Template, Thing, ThingOverrides
from birthcert.models import Subject

_SUBJECT_FIELDS: Final = {
    "Country": "country",
    "Organization": "organization",
    "OrganizationalUnit": "organizational_unit",
    "DistinguishedNameQualifier": "distinguished_name_qualifier",
    "StateName": "state",
    "SerialNumber": "serial_number",
}
_NO_COUNTRY: Final = "ZZ"  # ISO 3166 leaves it to users
_VALUE_MAX_LENGTH: Final = limits.COMMON_NAME_MAX_LENGTH


@dataclass(frozen=True)
class Outcome:
    """The thing and the policies of a provisioned device; empty where the template has none.

    `overrides_fail`: a thing of that name that is there already makes the template fail.
    """

    thing_name: str
    thing_type: str
    policy_names: tuple[str, ...]
    overrides_fail: bool


def expected_outcome(body: str, subject: x509.Name, certificate_id: str) -> Outcome:
    """What the template makes for a certificate; KeyError for a parameter that it lacks.

    Policies given by document are not among `policy_names`.
    """
    values = parameter_values(subject, certificate_id)
    resources = Template.model_validate_json(body).resources.values()
    thing = next((each for each in resources if isinstance(each, Thing)), None)
    policies = [each.properties.policy_name for each in resources if isinstance(each, Policy)]
    properties = thing.properties if thing else None
    overrides = (thing and thing.override_settings) or ThingOverrides()
    return Outcome(
        thing_name=str(resolve(properties.thing_name, values)) if properties else "",
        thing_type=str(resolve((properties and properties.thing_type_name) or "", values)),
        policy_names=tuple(str(resolve(name, values)) for name in policies if name is not None),
        overrides_fail="FAIL" in (overrides.attribute_payload, overrides.thing_type_name),
    )


def subject_for(body: str, common_name: str) -> Subject:
    """A subject with the common name and every parameter that the template declares [26]."""
    wanted = parameters_of(body) & set(SUBJECT_PARAMETERS) - {COMMON_NAME}
    fields = {_SUBJECT_FIELDS[name.rpartition("::")[2]] for name in wanted}
    values = {name: _NO_COUNTRY if name == "country" else common_name for name in fields}
    return Subject(common_name=common_name, **values)
