"""A request's parameters by their wire names, whichever of AWS's protocols carries them."""

import json
from typing import Any

from birthcert.sandbox.front.http_messages import HttpRequest
from birthcert.sandbox.front.services import Service, form_values
from birthcert.sandbox.front.validation import serialization_error


def parameters_of(
    service: Service, action: str, request: HttpRequest, labels: dict[str, str]
) -> dict[str, Any]:
    """The action's parameters; AwsError SerializationException for a body that does not parse."""
    if service.protocol == "json":
        return _json_body(request)
    shape = service.model.operation_model(action).input_shape
    if shape is None:
        return {}
    if service.protocol == "query":
        return _query_structure(shape, form_values(request), "")
    return _rest(shape, request, labels)


def _json_body(request: HttpRequest) -> dict[str, Any]:
    if not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise serialization_error("The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise serialization_error("Start of structure or map found where not expected.")
    return body


def _rest(shape: Any, request: HttpRequest, labels: dict[str, str]) -> dict[str, Any]:
    params = {} if shape.serialization.get("payload") else _json_body(request)
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        found: str | None = None
        if location == "uri":
            found = labels.get(wire_name)
        elif location == "querystring":
            found = request.query_values.get(wire_name, [None])[0]
        elif location == "header":
            found = request.headers.get(wire_name.lower())
        if found is not None:
            params[wire_name] = _typed(member, found)
    return params


def _query_structure(shape: Any, values: dict[str, str], prefix: str) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        value = _query_value(member, values, f"{prefix}{wire_name}")
        if value is not None:
            found[wire_name] = value
    return found


def _query_value(shape: Any, values: dict[str, str], name: str) -> Any:
    if shape.type_name in ("structure", "list", "map"):
        if not any(key.startswith(f"{name}.") for key in values):
            return None
        if shape.type_name == "structure":
            return _query_structure(shape, values, f"{name}.")
        return _query_list(shape, values, name) if shape.type_name == "list" else None
    return _typed(shape, values[name]) if name in values else None


def _query_list(shape: Any, values: dict[str, str], name: str) -> list[Any]:
    prefix = name if shape.serialization.get("flattened") else f"{name}.member"
    found: list[Any] = []
    while (item := _query_value(shape.member, values, f"{prefix}.{len(found) + 1}")) is not None:
        found.append(item)
    return found


def _typed(shape: Any, text: str) -> Any:
    if shape.type_name == "boolean":
        if text.lower() not in ("true", "false"):
            raise serialization_error(f"'{text}' can not be converted to a Boolean")
        return text.lower() == "true"
    if shape.type_name in ("integer", "long"):
        try:
            return int(text)
        except ValueError as error:
            raise serialization_error(f"'{text}' can not be converted to an Integer") from error
    return text
