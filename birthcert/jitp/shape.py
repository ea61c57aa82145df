"""The provisioning template as models: its members, by AWS's names, and nothing else [26]."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal
from pydantic_core import ErrorDetails

from birthcert import limits

Override = Literal["DO_NOTHING", "REPLACE", "FAIL"]
MergingOverride = Literal["DO_NOTHING", "REPLACE", "FAIL", "MERGE"]
_NAME: Final = re.compile(limits.THING_NAME_PATTERN)


def _checked_value(value: Any) -> Any:
    """A string, a Ref or a Fn::Join of those."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"Ref"} and isinstance(value["Ref"], str):
        return value
    if isinstance(value, dict) and set(value) == {"Fn::Join"}:
        match value["Fn::Join"]:
            case [str(separator), [_, *_] as parts]:
                return {"Fn::Join": [separator, [_checked_value(part) for part in parts]]}
    raise ValueError('must be a string, {"Ref": NAME} or {"Fn::Join": [SEPARATOR, [...]]}')


def _checked_name(value: Any) -> Any:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        raise ValueError(f"must be letters, digits, colon, underscore and hyphen, not {value!r}")
    return value


Value = Annotated[str | dict[str, Any], BeforeValidator(_checked_value)]
Name = Annotated[Value, AfterValidator(_checked_name)]


class Part(BaseModel):
    """Base: members have AWS's names, and others are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_pascal, populate_by_name=True
    )


class Parameter(Part):
    """A declared parameter."""

    type: Literal["String"]
    default: str | None = None


class ThingProperties(Part):
    """The thing that a device becomes."""

    thing_name: Name
    thing_type_name: Name | None = None
    attribute_payload: dict[str, Value] | None = None
    thing_groups: list[Value] | None = None
    billing_group: Value | None = None
    package_versions: Any = None  # AWS documents the member, not its shape


class ThingOverrides(Part):
    """What happens to a thing that is there already; only two members can be merged."""

    attribute_payload: MergingOverride | None = None
    thing_type_name: Override | None = None
    thing_groups: MergingOverride | None = None


class Thing(Part):
    """The resource AWS::IoT::Thing."""

    type: Literal["AWS::IoT::Thing"] = "AWS::IoT::Thing"
    properties: ThingProperties
    override_settings: ThingOverrides | None = None


class CertificateProperties(Part):
    """The device's certificate, by its id: just-in-time provisioning knows no other way."""

    certificate_id: Value
    status: Literal["ACTIVE", "INACTIVE"] | None = None


class CertificateOverrides(Part):
    """What happens to a certificate that is there already."""

    status: Override | None = None


class Certificate(Part):
    """The resource AWS::IoT::Certificate."""

    type: Literal["AWS::IoT::Certificate"] = "AWS::IoT::Certificate"
    properties: CertificateProperties
    override_settings: CertificateOverrides | None = None


class PolicyProperties(Part):
    """A policy by name, or by its document: exactly one of the two."""

    policy_name: Value | None = None
    policy_document: str | None = None


class Policy(Part):
    """The resource AWS::IoT::Policy."""

    type: Literal["AWS::IoT::Policy"] = "AWS::IoT::Policy"
    properties: PolicyProperties


Resource = Annotated[Thing | Certificate | Policy, Field(discriminator="type")]


class Template(Part):
    """A just-in-time provisioning template."""

    parameters: dict[str, Parameter]
    resources: dict[str, Resource]


def shape_problems(error: ValidationError) -> list[str]:
    """Pydantic's findings as sentences that name the member as it stands in the template."""
    return [_sentence(each) for each in error.errors(include_url=False)]


def _sentence(error: ErrorDetails) -> str:
    tags = {"AWS::IoT::Thing", "AWS::IoT::Certificate", "AWS::IoT::Policy"}
    place = "the template's " + ".".join(str(part) for part in error["loc"] if part not in tags)
    given, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            return f"{place} is not part of a just-in-time provisioning template"
        case "literal_error":
            return f"{place} must be {context['expected']}, not {given!r}"
        case "union_tag_invalid":
            return f"{place} has the Type {context['tag']!r}, not one of {context['expected_tags']}"
        case "union_tag_not_found":
            return f"{place} has no Type"
        case "value_error":
            return f"{place} {context['error']}"
        case _:
            return f"{place}: {error['msg'].lower()}"
