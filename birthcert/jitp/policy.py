"""The devices' AWS IoT policy: rendered, and checked before AWS sees it [rule 29]."""

import re
from typing import Any, Final

from birthcert import limits
from birthcert.jitp.documents import (
    Json,
    as_list,
    canonical,
    parse_object,
    strings,
    without_whitespace,
)

VERSION: Final = "2012-10-17"
THING_NAME_VARIABLE: Final = "${iot:Connection.Thing.ThingName}"
RECIPE_ACTIONS: Final = (
    "iot:Subscribe",
    "iot:Connect",
    "iot:Publish",
    "iot:UpdateThingShadow",
    "iot:CreateTopicRule",
)
_VERSIONS: Final = (VERSION, "2008-10-17")
_STATEMENT_MEMBERS: Final = {"Sid", "Effect", "Action", "Resource", "Condition"}
_ACTION: Final = re.compile(r"\*|iot:[A-Za-z*?]+")


def least_privilege_policy(partition: str, region: str, account: str, namespace: str) -> str:
    """A policy by which each device connects as its thing and uses topics below its own name.

    `namespace` is the topics' first level. The client id must be the thing's name, and the thing
    attached to the certificate [29].
    """
    arn = f"arn:{partition}:iot:{region}:{account}"
    below = f"{namespace}/{THING_NAME_VARIABLE}/*"
    connect: Json = {
        "Effect": "Allow",
        "Action": "iot:Connect",
        "Resource": f"{arn}:client/{THING_NAME_VARIABLE}",
        "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
    }
    statements = [
        connect,
        _allow(["iot:Publish", "iot:Receive"], f"{arn}:topic/{below}"),
        _allow("iot:Subscribe", f"{arn}:topicfilter/{below}"),
    ]
    return canonical({"Version": VERSION, "Statement": statements})


def recipe_wide_policy() -> str:
    """The written recipe's policy: every device may do as every other; for a lab only."""
    return canonical({"Version": VERSION, "Statement": [_allow(list(RECIPE_ACTIONS), ["*"])]})


def policy_problems(document: str) -> list[str]:
    """What AWS IoT would refuse in a policy document, as sentences; none if it is good.

    Checks JSON, Version, each Statement's shape, and the size of 2,048 characters without
    whitespace [29].
    """
    size = len(without_whitespace(document))
    problems = []
    if size > limits.POLICY_DOCUMENT_MAX_LENGTH:
        problems.append(
            f"the policy document has {size} characters without whitespace, "
            f"over AWS IoT's {limits.POLICY_DOCUMENT_MAX_LENGTH}"
        )
    policy = parse_object(document, "the policy document")
    if isinstance(policy, str):
        return [*problems, policy]
    return [*problems, *_policy_shape(policy)]


def _allow(action: str | list[str], resource: str | list[str]) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _policy_shape(policy: Json) -> list[str]:
    problems = [
        f"the policy document has the unknown member {name!r}"
        for name in policy
        if name not in ("Version", "Id", "Statement")
    ]
    if policy.get("Version") not in _VERSIONS:
        problems.append(f"the policy's Version must be {VERSION!r}, not {policy.get('Version')!r}")
    statements = as_list(policy.get("Statement", []))
    if not statements:
        problems.append("the policy has no Statement")
    for number, statement in enumerate(statements, start=1):
        problems += [f"policy statement {number}: {each}" for each in _statement(statement)]
    return problems


def _statement(statement: Any) -> list[str]:
    if not isinstance(statement, dict):
        return ["it must be a JSON object"]
    problems = [
        f"{name!r} is no member of an AWS IoT policy statement"
        for name in statement
        if name not in _STATEMENT_MEMBERS
    ]
    if statement.get("Effect") not in ("Allow", "Deny"):
        problems.append(f"Effect must be Allow or Deny, not {statement.get('Effect')!r}")
    if not isinstance(statement.get("Condition", {}), dict):
        problems.append("Condition must be a JSON object")
    return [*problems, *_actions(statement), *_resources(statement)]


def _actions(statement: Json) -> list[str]:
    actions = strings(statement.get("Action"))
    if actions is None:
        return ["Action must be a string or a list of strings"]
    return [
        f"the action {action!r} is not one of AWS IoT (iot:Name)"
        for action in actions
        if not _ACTION.fullmatch(action)
    ]


def _resources(statement: Json) -> list[str]:
    resources = strings(statement.get("Resource"))
    if resources is None:
        return ["Resource must be a string or a list of strings"]
    return [
        f"the resource {resource!r} is neither '*' nor an ARN"
        for resource in resources
        if resource != "*" and not resource.startswith("arn:")
    ]
