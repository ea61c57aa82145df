"""The just-in-time provisioning template: rendered, and checked before AWS sees it [26]."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from birthcert import limits
from birthcert.jitp.documents import Json, canonical, parse_object
from birthcert.jitp.parameters import (
    CERTIFICATE_ID,
    COMMON_NAME,
    SUBJECT_PARAMETERS,
    missing_parameters,
    parameter_values,
    parameters_of,
    references,
    resolve,
)
from birthcert.jitp.policy import policy_problems
from birthcert.jitp.shape import (
    Certificate,
    CertificateProperties,
    Parameter,
    Policy,
    PolicyProperties,
    Template,
    Thing,
    ThingOverrides,
    ThingProperties,
    shape_problems,
)

__all__ = [
    "missing_parameters",
    "parameter_values",
    "parameters_of",
    "render_template",
    "resolve",
    "template_problems",
]

_NO_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType({})
_MERGING: Final = ThingOverrides(
    attribute_payload="MERGE", thing_type_name="REPLACE", thing_groups="DO_NOTHING"
)


def render_template(
    *, thing_type: str, policy_name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES
) -> str:
    """The template body (JSON text): the same arguments always give the same bytes.

    The thing is named by the certificate's CommonName. An attribute's value is either text or a
    subject parameter (`AWS::IoT::Certificate::SerialNumber`), which then every device
    certificate must carry [26].
    """
    wanted = [value for value in attributes.values() if value in SUBJECT_PARAMETERS]
    declared = dict.fromkeys([COMMON_NAME, *wanted, CERTIFICATE_ID], Parameter(type="String"))
    payload = {name: _value(value) for name, value in attributes.items()} or None
    thing = ThingProperties(
        thing_name={"Ref": COMMON_NAME}, thing_type_name=thing_type, attribute_payload=payload
    )
    certificate = CertificateProperties(certificate_id={"Ref": CERTIFICATE_ID}, status="ACTIVE")
    template = Template(
        parameters=declared,
        resources={
            "thing": Thing(properties=thing, override_settings=_MERGING),
            "certificate": Certificate(properties=certificate),
            "policy": Policy(properties=PolicyProperties(policy_name=policy_name)),
        },
    )
    return canonical(template.model_dump(by_alias=True, exclude_none=True))


def template_problems(body: str) -> list[str]:
    """What AWS IoT would refuse in a template body, as sentences; none if it is good [26].

    Checks JSON, the size of 10,240 characters, members and types, parameters, references, and
    the policy document inside.
    """
    size = [
        f"the template has {len(body)} characters, over AWS IoT's {limits.TEMPLATE_BODY_MAX_LENGTH}"
    ]
    problems = size if len(body) > limits.TEMPLATE_BODY_MAX_LENGTH else []
    parsed = parse_object(body, "the template")
    if isinstance(parsed, str):
        return [*problems, parsed]
    problems = [*problems, *_parameter_problems(parsed), *_reference_problems(parsed)]
    try:
        template = Template.model_validate(parsed)
    except ValidationError as error:
        return [*problems, *shape_problems(error)]
    return [*problems, *_resource_problems(template)]


def _value(value: str) -> str | dict[str, Any]:
    return {"Ref": value} if value in SUBJECT_PARAMETERS else value


def _declared(parsed: Json) -> list[str]:
    parameters = parsed.get("Parameters")
    return list(parameters) if isinstance(parameters, dict) else []


def _parameter_problems(parsed: Json) -> list[str]:
    allowed = {*SUBJECT_PARAMETERS, CERTIFICATE_ID}
    return [
        f"the parameter {name} is not one that AWS IoT fills in: "
        f"there are {', '.join(sorted(allowed))}"
        for name in _declared(parsed)
        if name not in allowed
    ]


def _reference_problems(parsed: Json) -> list[str]:
    undeclared = references(parsed.get("Resources")) - set(_declared(parsed))
    return [
        f"the template refers to {name}, which its Parameters do not declare"
        for name in sorted(undeclared)
    ]


def _resource_problems(template: Template) -> list[str]:
    resources = template.resources
    certificates = [each for each in resources.values() if isinstance(each, Certificate)]
    things = [each for each in resources.values() if isinstance(each, Thing)]
    problems = []
    if len(certificates) != 1:
        problems.append(f"the template has {len(certificates)} certificates, it must have one")
    if len(things) > 1:
        problems.append(f"the template has {len(things)} things, it can have one")
    problems += [
        f"the template's CertificateId must be a Ref to {CERTIFICATE_ID}"
        for each in certificates
        if each.properties.certificate_id != {"Ref": CERTIFICATE_ID}
    ]
    for name, each in resources.items():
        if isinstance(each, Policy):
            problems += [f"Resources.{name}: {problem}" for problem in _policy_problems(each)]
    return problems


def _policy_problems(policy: Policy) -> list[str]:
    name, document = policy.properties.policy_name, policy.properties.policy_document
    if (name is None) == (document is None):
        return ["a policy has exactly one of PolicyName and PolicyDocument"]
    if document is not None:
        return policy_problems(document)
    if isinstance(name, str) and not re.fullmatch(limits.POLICY_NAME_PATTERN, name):
        return [f"the PolicyName {name!r} is not one that AWS IoT takes"]
    return []
