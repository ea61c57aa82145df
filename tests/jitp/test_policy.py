"""The devices' policy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.jitp.policy import least_privilege_policy, policy_problems, recipe_wide_policy

THING = "${iot:Connection.Thing.ThingName}"


def _policy(**changes: object) -> str:
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"} | changes
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_device_may_do_as_itself_and_nothing_else() -> None:
    """Connect as its attached thing; publish, receive and subscribe below its own name."""
    arn = "arn:aws-us-gov:iot:us-gov-west-1:123456789012"
    assert json.loads(
        least_privilege_policy("aws-us-gov", "us-gov-west-1", "123456789012", "acme")
    ) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": f"{arn}:client/{THING}",
                "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
            },
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": f"{arn}:topic/acme/{THING}/*",
            },
            {
                "Effect": "Allow",
                "Action": "iot:Subscribe",
                "Resource": f"{arn}:topicfilter/acme/{THING}/*",
            },
        ],
    }


@given(
    st.sampled_from(["aws", "aws-cn", "aws-us-gov"]), st.from_regex(r"[\w-]{1,64}", fullmatch=True)
)
def test_our_policies_are_never_refused(partition: str, namespace: str) -> None:
    """Any partition and namespace makes a policy that AWS takes."""
    policy = least_privilege_policy(partition, "ap-southeast-2", "123456789012", namespace)
    assert policy_problems(policy) == []


def test_the_recipes_policy_is_its_five_actions_on_everything() -> None:
    """It is what the recipe has, and AWS takes it."""
    (statement,) = json.loads(recipe_wide_policy())["Statement"]
    assert "iot:CreateTopicRule" in statement["Action"]
    assert (len(statement["Action"]), statement["Resource"]) == (5, ["*"])
    assert policy_problems(recipe_wide_policy()) == []


@given(st.integers(1_900, 2_200), st.sampled_from(["", " ", "\n\t ", " " * 3_000]))
def test_the_size_limit_leaves_whitespace_out(length: int, space: str) -> None:
    """2,048 characters without whitespace pass, one more does not."""
    bare = _policy(Sid="").replace(" ", "")
    policy = _policy(Sid="x" * (length - len(bare))).replace(",", f",{space}")
    problems = policy_problems(policy)
    assert bool(problems) == (length > 2_048)
    assert all(f"has {length} characters without whitespace" in each for each in problems)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(_policy(Action=["iot:Connect", "iot:*"]), id="wildcard action"),
        pytest.param(_policy(Action="*", Effect="Deny"), id="deny all"),
        pytest.param(_policy(Sid="a", Condition={}), id="optional members"),
        pytest.param(_policy().replace("[", "").replace("]", ""), id="one statement"),
        pytest.param(_policy().replace("2012-10-17", "2008-10-17"), id="old version"),
    ],
)
def test_what_aws_takes_has_no_problem(document: str) -> None:
    """Policies of users' own are not refused for their form."""
    assert policy_problems(document) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param("{", "the policy document is not JSON", id="not JSON"),
        pytest.param("[]", "must be a JSON object, not a list", id="list"),
        pytest.param("{}", "Version must be '2012-10-17', not None", id="no version"),
        pytest.param('{"Version":"2012-10-17"}', "has no Statement", id="no statement"),
        pytest.param(
            '{"Version":"2012-10-17","Statement":["x"]}',
            "policy statement 1: it must be a JSON object",
            id="statement",
        ),
        pytest.param(_policy()[:-1] + ',"Comment":"x"}', "unknown member 'Comment'", id="member"),
        pytest.param(_policy(Effect="allow"), "Effect must be Allow or Deny", id="effect"),
        pytest.param(_policy(Action=[]), "Action must be a string or a list", id="no action"),
        pytest.param(_policy(Action="s3:GetObject"), "'s3:GetObject' is not one", id="action"),
        pytest.param(_policy(Resource=None), "Resource must be a string", id="no resource"),
        pytest.param(_policy(Resource="topic/a"), "'topic/a' is neither", id="resource"),
        pytest.param(_policy(Condition="x"), "Condition must be a JSON object", id="condition"),
        pytest.param(_policy(Principal="*"), "'Principal' is no member", id="principal"),
    ],
)
def test_what_aws_refuses_is_told(document: str, problem: str) -> None:
    """A sentence says what is wrong, with the statement's number."""
    assert problem in "\n".join(policy_problems(document))


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    """The check never fails; no short text is a policy."""
    assert policy_problems(text) != []
