"""AWS IoT policies, judged without a connection."""

import json

import pytest

from birthcert.jitp.authorization import is_allowed, matches, statements
from birthcert.jitp.policy import least_privilege_policy, recipe_wide_policy

ARN = "arn:aws:iot:eu-west-1:123456789012"
DEVICE = {
    "iot:ClientId": "dev-1",
    "iot:Connection.Thing.ThingName": "dev-1",
    "iot:Connection.Thing.IsAttached": "true",
}
LEAST = least_privilege_policy("aws", "eu-west-1", "123456789012", "acme")


def judged(
    action: str, resource: str, *documents: str, variables: dict[str, str] | None = None
) -> bool:
    """The verdict on one act under policy documents."""
    known = DEVICE if variables is None else variables
    return is_allowed(statements(documents), f"iot:{action}", f"{ARN}:{resource}", known)


def document(effect: str, action: str, resource: str = "*", **condition: object) -> str:
    """A policy of one statement."""
    statement = {"Effect": effect, "Action": action, "Resource": resource, "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        pytest.param("Connect", "client/dev-1", True, id="connect-as-itself"),
        pytest.param("Connect", "client/dev-2", False, id="connect-as-another"),
        pytest.param("Publish", "topic/acme/dev-1/data", True, id="own-topic"),
        pytest.param("Publish", "topic/acme/dev-2/data", False, id="anothers-topic"),
        pytest.param("RetainPublish", "topic/acme/dev-1/data", False, id="no-retained"),
        pytest.param("Subscribe", "topicfilter/acme/dev-1/#", True, id="own-filter"),
        pytest.param("Subscribe", "topicfilter/#", False, id="everyones-filter"),
        pytest.param("Receive", "topic/acme/dev-1/x", True, id="receive-own"),
    ],
)
def test_the_least_privilege_policy_lets_a_device_do_its_own(
    action: str, resource: str, allowed: bool
) -> None:
    """It connects as its thing and uses topics below its name, nothing else."""
    assert judged(action, resource, LEAST) is allowed


def test_a_thing_that_is_not_attached_cannot_connect() -> None:
    """The condition on IsAttached keeps it out."""
    loose = {**DEVICE, "iot:Connection.Thing.IsAttached": "false"}
    assert not judged("Connect", "client/dev-1", LEAST, variables=loose)


def test_a_client_id_without_a_thing_matches_no_thing_variable() -> None:
    """A variable without a value fits nothing, not even the empty name."""
    assert not judged("Connect", "client/", LEAST, variables={"iot:ClientId": ""})


def test_the_recipes_policy_connects_as_anyone_but_receives_nothing() -> None:
    """It is too wide, and lacks iot:Receive."""
    assert judged("Connect", "client/dev-2", recipe_wide_policy())
    assert not judged("Receive", "topic/acme/dev-1/x", recipe_wide_policy())


def test_deny_comes_before_allow() -> None:
    """In whatever order the policies are attached."""
    allow, deny = document("Allow", "iot:*"), document("Deny", "iot:Publish")
    assert judged("Connect", "client/x", allow, deny)
    assert not judged("Publish", "topic/x", allow, deny)
    assert not judged("Publish", "topic/x", deny, allow)


def test_nothing_is_allowed_without_a_policy() -> None:
    """The default is no."""
    assert not judged("Connect", "client/dev-1")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param({"StringEquals": {"iot:ClientId": ["x", "dev-1"]}}, True, id="equals-one-of"),
        pytest.param({"StringEquals": {"iot:ClientId": "dev-*"}}, False, id="equals-is-literal"),
        pytest.param({"StringLike": {"iot:ClientId": "dev-?"}}, True, id="like"),
        pytest.param({"StringNotEquals": {"iot:ClientId": "x"}}, True, id="not-equals"),
        pytest.param({"StringNotLike": {"iot:ClientId": "dev-*"}}, False, id="not-like"),
        pytest.param({"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}, True, id="bool-list"),
        pytest.param({"Bool": {"iot:Connection.Thing.IsAttached": True}}, True, id="bool-json"),
        pytest.param({"Bool": {"iot:Nothing": "true"}}, False, id="missing-key"),
        pytest.param({"StringEqualsIfExists": {"iot:Nothing": "x"}}, True, id="if-exists"),
        pytest.param(
            {"StringEquals": {"iot:ClientId": "${iot:Connection.Thing.ThingName}"}},
            True,
            id="variable-in-condition",
        ),
        pytest.param(
            {"ForAnyValue:StringEquals": {"iot:ClientId": ["dev-1"]}}, True, id="for-any-value"
        ),
        pytest.param({"NumericLessThan": {"iot:ClientId": "3"}}, False, id="unknown-operator"),
    ],
)
def test_conditions_hold_as_iam_says(condition: dict[str, object], holds: bool) -> None:
    """An Allow applies exactly where its condition holds."""
    assert judged("Publish", "topic/x", document("Allow", "iot:Publish", **condition)) is holds


def test_a_deny_with_an_unknown_operator_denies() -> None:
    """What cannot be judged counts against the caller."""
    deny = document("Deny", "iot:Publish", NumericLessThan={"iot:ClientId": "3"})
    assert not judged("Publish", "topic/x", document("Allow", "*"), deny)


def test_a_variables_value_is_literal() -> None:
    """A client id of * does not become a wildcard."""
    assert matches("client/${iot:ClientId}", "client/*", {"iot:ClientId": "*"})
    assert not matches("client/${iot:ClientId}", "client/other", {"iot:ClientId": "*"})


def test_actions_ignore_case_and_resources_do_not() -> None:
    """As in IAM."""
    assert judged("Publish", "topic/x", document("Allow", "IOT:publish"))
    assert not judged("Publish", "topic/x", document("Allow", "iot:Publish", f"{ARN}:topic/X"))
