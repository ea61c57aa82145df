"""JSON documents as AWS takes them: read with sentences instead of exceptions, written one way."""

import json
import re
from typing import Any

Json = dict[str, Any]


def parse_object(text: str, what: str) -> Json | str:
    """The JSON object in a text, or the sentence that says why there is none."""
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        return f"{what} is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError):  # numbers of thousands of digits, thousands of levels
        return f"{what} is JSON that no one means: nested or numbered beyond reason"
    if not isinstance(parsed, dict):
        return f"{what} must be a JSON object, not {_kind(parsed)}"
    return parsed


def as_list(value: object) -> list[Any]:
    """A list as it is, anything else as a list of one: AWS's documents allow both."""
    return value if isinstance(value, list) else [value]


def strings(value: object) -> list[str] | None:
    """A string or a non-empty list of strings as a list; None for anything else."""
    found = as_list(value)
    return found if found and all(isinstance(each, str) and each for each in found) else None


def without_whitespace(text: str) -> str:
    """The text as AWS counts a policy's size."""
    return re.sub(r"\s", "", text)


def canonical(document: Json) -> str:
    """The one JSON text of a document: the same facts always give the same bytes."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
