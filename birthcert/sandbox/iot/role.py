"""A provisioning role as AWS IoT meets it, and what its permissions let it do [27]; pure."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from birthcert.jitp.documents import as_list

PROVISIONING_ACTIONS: Final = (
    "iot:CreateThing",
    "iot:UpdateThing",
    "iot:DescribeThing",
    "iot:AttachThingPrincipal",
    "iot:CreatePolicy",
    "iot:AttachPolicy",
    "iot:UpdateCertificate",
)


@dataclass(frozen=True)
class Role:
    """An IAM role: its trust policy, since when (epoch seconds), and its permission documents."""

    arn: str
    trust: str
    trust_changed_at: float
    permissions: tuple[str, ...]


def refused_actions(role: Role) -> list[str]:
    """The provisioning actions that no document allows, or one denies.

    Statements count by their actions alone: resources and conditions are not looked at.
    """
    statements = [
        statement
        for document in role.permissions
        for statement in as_list(json.loads(document).get("Statement", []))
    ]

    def refused(action: str) -> bool:
        effects = {
            statement.get("Effect") for statement in statements if _covers(statement, action)
        }
        return "Allow" not in effects or "Deny" in effects

    return [action for action in PROVISIONING_ACTIONS if refused(action)]


def _covers(statement: dict[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _any_like(statement["NotAction"], action)
    return _any_like(statement.get("Action", []), action)


def _any_like(patterns: object, action: str) -> bool:
    """IAM's wildcards, without regard to case: `*` any run of characters, `?` one."""
    translated = (
        re.escape(str(pattern)).replace(r"\*", ".*").replace(r"\?", ".")
        for pattern in as_list(patterns)
    )
    return any(re.fullmatch(each, action, re.IGNORECASE) for each in translated)
