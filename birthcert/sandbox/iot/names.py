"""Names, attributes and tags in AWS IoT: what is allowed, checked where botocore does not."""

import re
from typing import Final

from birthcert import limits
from birthcert.sandbox.iot.answers import invalid_request, limit_exceeded

_THING_NAME: Final = re.compile(limits.THING_NAME_PATTERN)
_POLICY_NAME: Final = re.compile(limits.POLICY_NAME_PATTERN, re.ASCII)
_TEMPLATE_NAME: Final = re.compile(r"[0-9A-Za-z_-]{1,36}")  # [21]
_ATTRIBUTE_NAME: Final = re.compile(r"[a-zA-Z0-9_.,@/:#-]{1,128}")
_ATTRIBUTE_VALUE: Final = re.compile(r"[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}")
_TAG_KEY: Final = re.compile(r"[\w\s.:/=+\-@]{1,128}")
_TAG_VALUE: Final = re.compile(r"[\w\s.:/=+\-@]{0,256}")
MAX_TAGS: Final = 50


def check_thing_name(name: str, what: str = "thingName") -> None:
    """InvalidRequestException unless it is a thing's or thing type's name [26]."""
    _check(_THING_NAME, name, what)


def check_policy_name(name: str) -> None:
    """InvalidRequestException unless it is a policy's name."""
    _check(_POLICY_NAME, name, "policyName")


def check_template_name(name: str) -> None:
    """InvalidRequestException unless it is a provisioning template's name [21]."""
    _check(_TEMPLATE_NAME, name, "templateName")


def _check(pattern: re.Pattern[str], value: str, what: str) -> None:
    if not pattern.fullmatch(value):
        raise invalid_request(
            f"1 validation error detected: Value '{value[:140]}' at '{what}' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {pattern.pattern}"
        )


def attributes_of(payload: object) -> dict[str, str]:
    """The attributes of an AttributePayload, names and values checked."""
    given = payload.get("attributes") if isinstance(payload, dict) else None
    attributes = given if isinstance(given, dict) else {}
    for name, value in attributes.items():
        _check(_ATTRIBUTE_NAME, str(name), "attributePayload.attributes")
        _check(_ATTRIBUTE_VALUE, str(value), f"attributePayload.attributes.{name}")
    return {str(name): str(value) for name, value in attributes.items()}


def check_attribute_count(attributes: dict[str, str], thing_type: str | None) -> None:
    """InvalidRequestException for more than 3 attributes, or 50 where the thing has a type."""
    most = limits.THING_ATTRIBUTES_WITH_TYPE if thing_type else limits.THING_ATTRIBUTES
    if len(attributes) > most:
        raise invalid_request(
            f"The thing has {len(attributes)} attributes; at most {most} are allowed"
            + ("" if thing_type else " without a thing type")
        )


def tags_of(tags: object) -> dict[str, str]:
    """A request's tag list as a dictionary; InvalidRequestException for a wrong or doubled key."""
    found: dict[str, str] = {}
    for tag in tags if isinstance(tags, list) else []:
        key, value = str(tag.get("Key", "")), str(tag.get("Value") or "")
        if key.startswith("aws:"):
            raise invalid_request(f"Tag key {key} begins with the reserved prefix aws:")
        if key in found:
            raise invalid_request(f"Duplicate tag key: {key}")
        _check(_TAG_KEY, key, "tags.Key")
        _check(_TAG_VALUE, value, f"tags.{key}")
        found[key] = value
    check_tag_count(found)
    return found


def check_tag_count(tags: dict[str, str]) -> None:
    """LimitExceededException for more than 50 tags."""
    if len(tags) > MAX_TAGS:
        raise limit_exceeded(f"A resource has at most {MAX_TAGS} tags, not {len(tags)}")
