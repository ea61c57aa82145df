"""AWS IoT policies judged: pure, from documents and the connection's variables to yes or no.

Deny before Allow, and what nothing allows is refused (aws-semantics rule 29). Operators that are
not known here count against the caller: an Allow does not hold, a Deny does.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from birthcert.jitp.documents import as_list

Variables = Mapping[str, str]
Statement = dict[str, Any]
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def statements(documents: Iterable[str]) -> list[Statement]:
    """The statements of policy documents (JSON texts) in one list."""
    found: list[Statement] = []
    for document in documents:
        found += as_list(json.loads(document).get("Statement", []))
    return found


def is_allowed(
    policy: Iterable[Statement], action: str, resource: str, variables: Variables
) -> bool:
    """Whether `policy` lets `action` (`iot:Publish`) be done on `resource` (an ARN)."""
    allowed = False
    for statement in policy:
        if not _speaks_of(statement, action, resource, variables):
            continue
        effect = statement.get("Effect")
        if not _conditions_hold(statement, variables, unknown=effect == "Deny"):
            continue
        if effect == "Deny":
            return False
        allowed = True
    return allowed


def _speaks_of(statement: Statement, action: str, resource: str, variables: Variables) -> bool:
    actions = as_list(statement.get("Action", []))
    resources = as_list(statement.get("Resource", []))
    return any(matches(each, action, variables, fold=True) for each in actions) and any(
        matches(each, resource, variables) for each in resources
    )


def matches(pattern: str, text: str, variables: Variables, *, fold: bool = False) -> bool:
    """Whether `text` fits `pattern`: `*`, `?`, and `${variables}`, whose values are literal.

    A variable that has no value on this connection fits nothing.
    """
    parts: list[str] = []
    end = 0
    for found in _VARIABLE.finditer(pattern):
        value = _value(found.group(1), variables)
        if value is None:
            return False
        parts += [_glob(pattern[end : found.start()]), re.escape(value)]
        end = found.end()
    parts.append(_glob(pattern[end:]))
    return _compiled("".join(parts), fold).fullmatch(text) is not None


def _value(name: str, variables: Variables) -> str | None:
    # ${*}, ${?} and ${$} are IAM's way to write these characters
    return name if name in ("*", "?", "$") else variables.get(name)


def _glob(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


@lru_cache(maxsize=4096)
def _compiled(expression: str, fold: bool) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if fold else 0))


def _conditions_hold(statement: Statement, variables: Variables, *, unknown: bool) -> bool:
    blocks: dict[str, dict[str, Any]] = statement.get("Condition", {})
    return all(
        _condition_holds(operator, key, as_list(wanted), variables, unknown=unknown)
        for operator, keys in blocks.items()
        for key, wanted in keys.items()
    )


def _condition_holds(
    operator: str, key: str, wanted: list[Any], variables: Variables, *, unknown: bool
) -> bool:
    quantifier, _, bare = operator.rpartition(":")
    if_exists = bare.endswith("IfExists")
    test = _OPERATORS.get(bare.removesuffix("IfExists"))
    if test is None:
        return unknown
    actual = variables.get(key)
    negated = "Not" in bare
    if actual is None:
        return if_exists or negated or quantifier == "ForAllValues"
    return test([_text(value) for value in wanted], actual, variables)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(wanted: list[str], actual: str, variables: Variables) -> bool:
    return any(matches(pattern, actual, variables) for pattern in wanted)


def _equal(wanted: list[str], actual: str, variables: Variables) -> bool:
    return any(_filled(value, variables) == actual for value in wanted)


def _equal_folded(wanted: list[str], actual: str, variables: Variables) -> bool:
    values = [_filled(value, variables) for value in wanted]
    return any(value is not None and value.casefold() == actual.casefold() for value in values)


def _filled(text: str, variables: Variables) -> str | None:
    names = [found.group(1) for found in _VARIABLE.finditer(text)]
    if any(_value(name, variables) is None for name in names):
        return None
    return _VARIABLE.sub(lambda found: _value(found.group(1), variables) or "", text)


_Operator = Callable[[list[str], str, Variables], bool]
_OPERATORS: dict[str, _Operator] = {
    "Bool": _equal_folded,
    "StringEquals": _equal,
    "StringNotEquals": lambda *arguments: not _equal(*arguments),
    "StringEqualsIgnoreCase": _equal_folded,
    "StringNotEqualsIgnoreCase": lambda *arguments: not _equal_folded(*arguments),
    "StringLike": _like,
    "StringNotLike": lambda *arguments: not _like(*arguments),
}
