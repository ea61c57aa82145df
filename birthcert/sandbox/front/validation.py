"""Requests checked against botocore's service models, refused in AWS's words.

botocore itself checks only types and minimum lengths on the client's side: maxima, patterns and
enumerations are the service's to refuse.
"""

import base64
import binascii
import functools
from collections.abc import Callable
from typing import Any, Final

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.patterns import compiled
from birthcert.sandbox.front.services import service_named

# The error code that a service gives a request outside its model [mem for iam and sts]
_CODES: Final = {
    "acm-pca": "ValidationException",
    "iot": "InvalidRequestException",
    "iam": "ValidationError",
    "sts": "ValidationError",
}
VALIDATED_SERVICES: Final = frozenset(_CODES)

# (value, path, complaints): appends what is wrong with the value
Check = Callable[[Any, str, list[str]], None]


def validate(service: str, action: str, params: dict[str, Any]) -> None:
    """Refuse parameters (by their wire names) that the action's model forbids.

    AwsError: the service's own validation code, `N validation errors detected: ...`; or
    SerializationException for a value of the wrong JSON type.
    """
    complaints: list[str] = []
    validator(service, action)(params, "", complaints)
    if complaints:
        count = f"{len(complaints)} validation error{'s' if len(complaints) > 1 else ''} detected"
        raise AwsError(_CODES[service], f"{count}: {'; '.join(complaints)}")


@functools.cache
def validator(service: str, action: str) -> Check:
    """The compiled check of one action's input."""
    shape = service_named(service).model.operation_model(action).input_shape
    return _compile(shape, {}) if shape is not None else lambda _value, _path, _complaints: None


def _compile(shape: Any, seen: dict[str, Check]) -> Check:
    if shape.name in seen and shape.type_name in ("structure", "list", "map"):
        return lambda value, path, complaints: seen[shape.name](value, path, complaints)
    if shape.type_name in ("structure", "list", "map"):
        seen[shape.name] = lambda value, path, complaints: check(value, path, complaints)
    check: Check = _COMPILERS.get(shape.type_name, _anything)(shape, seen)
    seen[shape.name] = check
    return check


def _structure(shape: Any, seen: dict[str, Check]) -> Check:
    required = set(shape.required_members)
    members = [
        (
            member.serialization.get("name", name),
            name[0].lower() + name[1:],
            name in required,
            _compile(member, seen),
        )
        for name, member in shape.members.items()
    ]

    def check(value: Any, path: str, complaints: list[str]) -> None:
        _expect(value, dict, "Start of structure or map found where not expected.")
        for wire_name, name, needed, inner in members:
            found = value.get(wire_name)
            where = f"{path}.{name}" if path else name
            if found is not None:
                inner(found, where, complaints)
            elif needed:
                complaints.append(
                    f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
                )

    return check


def _list(shape: Any, seen: dict[str, Check]) -> Check:
    inner = _compile(shape.member, seen)
    sizes = _sizes(shape, "length")

    def check(value: Any, path: str, complaints: list[str]) -> None:
        _expect(value, list, "Expected list or null")
        sizes(len(value), value, path, complaints)
        for number, item in enumerate(value, start=1):
            inner(item, f"{path}.{number}.member", complaints)

    return check


def _map(shape: Any, seen: dict[str, Check]) -> Check:
    keys, values = _compile(shape.key, seen), _compile(shape.value, seen)
    sizes = _sizes(shape, "length")

    def check(value: Any, path: str, complaints: list[str]) -> None:
        _expect(value, dict, "Expected map or null")
        sizes(len(value), value, path, complaints)
        for key, item in value.items():
            keys(key, path, complaints)
            values(item, f"{path}.{key}", complaints)

    return check


def _string(shape: Any, _seen: dict[str, Check]) -> Check:
    sizes = _sizes(shape, "length")
    source = shape.metadata.get("pattern")
    pattern = compiled(source) if source else None
    allowed = shape.metadata.get("enum")

    def check(value: Any, path: str, complaints: list[str]) -> None:
        _expect(value, str, f"{_json_kind(value)} can not be converted to a String")
        sizes(len(value), value, path, complaints)
        if pattern is not None and pattern.fullmatch(value) is None:
            complaints.append(
                _complaint(value, path, f"Member must satisfy regular expression pattern: {source}")
            )
        if allowed and value not in allowed:
            listed = ", ".join(allowed)
            complaints.append(
                _complaint(value, path, f"Member must satisfy enum value set: [{listed}]")
            )

    return check


def _integer(shape: Any, _seen: dict[str, Check]) -> Check:
    sizes = _sizes(shape, "value")

    def check(value: Any, path: str, complaints: list[str]) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            kind = "an Integer" if shape.type_name == "integer" else "a Long"
            raise serialization_error(f"{_json_kind(value)} can not be converted to {kind}")
        sizes(value, value, path, complaints)

    return check


def _boolean(_shape: Any, _seen: dict[str, Check]) -> Check:
    def check(value: Any, _path: str, _complaints: list[str]) -> None:
        _expect(value, bool, f"{_json_kind(value)} can not be converted to a Boolean")

    return check


def _blob(shape: Any, _seen: dict[str, Check]) -> Check:
    sizes = _sizes(shape, "length")

    def check(value: Any, path: str, complaints: list[str]) -> None:
        _expect(value, str, f"{_json_kind(value)} can not be converted to a ByteBuffer")
        try:
            size = len(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError) as error:
            raise serialization_error("A blob is not valid base64") from error
        sizes(size, f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]", path, complaints)

    return check


def _anything(_shape: Any, _seen: dict[str, Check]) -> Check:
    return lambda _value, _path, _complaints: None


def _sizes(shape: Any, what: str) -> Callable[[float, Any, str, list[str]], None]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def check(size: float, value: Any, path: str, complaints: list[str]) -> None:
        if low is not None and size < low:
            limit = f"Member must have {what} greater than or equal to {low}"
            complaints.append(_complaint(value, path, limit))
        if high is not None and size > high:
            limit = f"Member must have {what} less than or equal to {high}"
            complaints.append(_complaint(value, path, limit))

    return check


def _complaint(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _expect(value: Any, kind: type, message: str) -> None:
    if not isinstance(value, kind):
        raise serialization_error(message)


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    kinds = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
    return kinds.get(type(value), "START_OBJECT")


def serialization_error(message: str) -> AwsError:
    """The answer to a body that does not parse into the model at all [mem]."""
    return AwsError("SerializationException", message)


_COMPILERS: Final[dict[str, Callable[[Any, dict[str, Check]], Check]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "blob": _blob,
}
