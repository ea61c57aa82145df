"""The provisioning role's trust."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.jitp.role import (
    extend_trust,
    managed_policy_arn,
    trust_policy,
    trust_problems,
    trust_weaknesses,
    trusts_iot,
)

ACCOUNT = "123456789012"
HERE: dict[str, str] = {"partition": "aws", "account": ACCOUNT, "region": "eu-west-1"}
ELSEWHERE: dict[str, str] = HERE | {"region": "eu-central-1"}
OURS = trust_policy("aws", ACCOUNT, ["eu-west-1"])
LAMBDA = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def _trust(condition: object = None, **changes: object) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if condition is not None:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement | changes]}


def test_our_trust_is_for_iot_of_this_account_alone() -> None:
    """Service, account and source ARN are all named."""
    (statement,) = json.loads(trust_policy("aws-cn", ACCOUNT, ["cn-north-1"]))["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": [f"arn:aws-cn:iot:cn-north-1:{ACCOUNT}:*"]},
        },
    }


def test_the_managed_policy_is_the_partitions() -> None:
    """AWS's managed policies have the partition in their ARN."""
    assert managed_policy_arn("aws-us-gov") == (
        "arn:aws-us-gov:iam::aws:policy/service-role/AWSIoTThingsRegistration"
    )


regions = st.lists(
    st.sampled_from(["eu-west-1", "eu-central-1", "us-east-1"]), min_size=1, max_size=5
)


@given(regions)
def test_our_trust_holds_in_its_regions_and_nowhere_else(names: list[str]) -> None:
    """No problem in a region that was named, one in any other."""
    document = trust_policy("aws", ACCOUNT, names)
    for name in names:
        assert trust_problems(document, **HERE | {"region": name}) == []
    assert trust_problems(document, **HERE | {"region": "ap-south-1"}) != []
    assert trust_weaknesses(document) == []


def test_a_trust_needs_a_region() -> None:
    """A trust for no region is a wrong argument."""
    with pytest.raises(ValueError, match="at least one region"):
        trust_policy("aws", ACCOUNT, [])


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(_trust(), id="no condition, as in the recipe"),
        pytest.param(_trust(Action=["sts:TagSession", "sts:*"]), id="wildcard action"),
        pytest.param(
            _trust(Principal={"Service": ["lambda.amazonaws.com", "iot.amazonaws.com"]}),
            id="several services",
        ),
        pytest.param(
            _trust({"ArnLike": {"aws:SourceArn": f"arn:aws:iot:*:{ACCOUNT}:*"}}), id="any region"
        ),
        pytest.param(
            _trust({"StringLike": {"AWS:SourceARN": "arn:aws:iot:eu-*"}}), id="pattern, other case"
        ),
        pytest.param(
            _trust({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), id="if it exists"
        ),
        pytest.param(
            {"Statement": [LAMBDA, *_trust()["Statement"]]}, id="beside another service's"
        ),
    ],
)
def test_a_trust_of_another_hand_may_do(document: dict[str, Any]) -> None:
    """What AWS IoT can assume has no problem, even if it is not ours."""
    assert trust_problems(document, **HERE) == []
    assert trust_problems(json.dumps(document), **HERE) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param("{", "the trust policy is not JSON", id="not JSON"),
        pytest.param({}, "does not let iot.amazonaws.com assume", id="empty"),
        pytest.param({"Statement": LAMBDA}, "does not let iot.amazonaws.com", id="another service"),
        pytest.param(_trust(Action="sts:TagSession"), "does not let", id="another action"),
        pytest.param(
            _trust({"StringEquals": {"aws:SourceAccount": "210987654321"}}),
            "wants aws:SourceAccount to be 210987654321, but it is 123456789012",
            id="another account",
        ),
        pytest.param(
            _trust({"ArnLike": {"aws:SourceArn": f"arn:aws:iot:us-east-1:{ACCOUNT}:*"}}),
            "wants aws:SourceArn to be arn:aws:iot:us-east-1",
            id="another region",
        ),
        pytest.param(
            _trust({"ArnLike": {"aws:SourceArn": "arn:aws:iot:*"}}),
            "wants aws:SourceArn",
            id="pattern too short for an ARN",
        ),
        pytest.param(
            _trust({"StringEquals": {"aws:SourceArn": f"arn:aws:iot:eu-west-1:{ACCOUNT}:*"}}),
            "wants aws:SourceArn",
            id="wildcard that is none",
        ),
        pytest.param(
            _trust({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
            "condition StringEquals on aws:PrincipalOrgID is not met",
            id="another key",
        ),
        pytest.param(
            {"Statement": [*_trust()["Statement"], *_trust(Effect="Deny")["Statement"]]},
            "denies iot.amazonaws.com",
            id="denied",
        ),
    ],
)
def test_what_keeps_iot_out_is_told(document: Any, problem: str) -> None:
    """A sentence says which part of the trust is not met."""
    assert problem in "\n".join(trust_problems(document, **HERE))


def test_a_role_of_iots_is_told_from_another_services() -> None:
    """A condition that is not met does not matter, another service does."""
    assert trusts_iot(_trust({"StringEquals": {"aws:SourceAccount": "210987654321"}}))
    assert not trusts_iot({"Statement": LAMBDA})
    assert not trusts_iot(_trust(Effect="Deny"))


def test_a_trust_without_conditions_is_weak() -> None:
    """Another account's AWS IoT could use the role: told, though it works."""
    (weakness,) = trust_weaknesses(_trust())
    assert "without a condition on aws:SourceAccount or aws:SourceArn" in weakness
    assert trust_weaknesses(_trust({"StringEquals": {"AWS:SourceAccount": ACCOUNT}})) == []


def test_our_own_statement_is_widened() -> None:
    """A second region goes into the one statement."""
    extended = extend_trust(OURS, **ELSEWHERE)
    assert extended == trust_policy("aws", ACCOUNT, ["eu-west-1", "eu-central-1"])


def test_iams_form_of_our_statement_is_still_ours() -> None:
    """One string instead of a list of one, and a Sid, do not make it another's."""
    document = json.loads(OURS)
    (statement,) = document["Statement"]
    statement["Sid"] = "Iot"
    statement["Action"] = ["sts:AssumeRole"]
    statement["Condition"]["ArnLike"]["aws:SourceArn"] = f"arn:aws:iot:eu-west-1:{ACCOUNT}:*"
    extended = json.loads(extend_trust(document, **ELSEWHERE))
    assert len(extended["Statement"]) == 1
    assert extended["Statement"][0]["Sid"] == "Iot"
    assert trust_problems(extended, **HERE) == trust_problems(extended, **ELSEWHERE) == []


def test_others_statements_are_left_alone() -> None:
    """What another hand wrote stays, and ours is added."""
    other = {"Version": "2012-10-17", "Statement": [LAMBDA]}
    extended = json.loads(extend_trust(other, **HERE))
    assert extended["Statement"] == [LAMBDA, *json.loads(OURS)["Statement"]]


def test_a_trust_that_holds_is_not_changed() -> None:
    """There is nothing to add to what AWS IoT can assume."""
    assert extend_trust(OURS, **HERE) == OURS
    assert json.loads(extend_trust(_trust(), **HERE)) == _trust()


@given(regions)
def test_extending_one_by_one_is_naming_all(names: list[str]) -> None:
    """The order in which regions come does not matter."""
    document = trust_policy("aws", ACCOUNT, names[:1])
    for name in names[1:]:
        document = extend_trust(document, **HERE | {"region": name})
    assert document == trust_policy("aws", ACCOUNT, names)


def test_what_is_no_document_cannot_be_extended() -> None:
    """The text comes from IAM, so a broken one is a wrong argument."""
    with pytest.raises(ValueError, match="not JSON"):
        extend_trust("{", **HERE)
