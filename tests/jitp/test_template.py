"""The just-in-time provisioning template, checked."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.jitp.parameters import SUBJECT_PARAMETERS
from birthcert.jitp.template import render_template, template_problems

Change = Callable[[dict[str, Any]], object]
OURS: dict[str, Any] = json.loads(render_template(thing_type="Pump", policy_name="acme-device"))
COMMON_NAME = {"Ref": "AWS::IoT::Certificate::CommonName"}


def _problems(change: Change) -> list[str]:
    template = copy.deepcopy(OURS)
    change(template)
    return template_problems(json.dumps(template))


def _set(path: str, value: object) -> Change:
    *parents, last = path.split(".")

    def change(template: dict[str, Any]) -> None:
        part = template
        for name in parents:
            part = part.setdefault(name, {})
        part[last] = value

    return change


def _drop(path: str) -> Change:
    *parents, last = path.split(".")

    def change(template: dict[str, Any]) -> None:
        part = template
        for name in parents:
            part = part[name]
        del part[last]

    return change


def test_the_recipes_template_is_refused_for_its_parameter(recipe_template: str) -> None:
    """OrganizationName is no parameter that AWS IoT fills in; nothing else is wrong."""
    problems = template_problems(recipe_template)
    assert len(problems) == 1
    assert "AWS::IoT::Certificate::OrganizationName is not one" in problems[0]
    put_right = recipe_template.replace("OrganizationName", "Organization")
    assert template_problems(put_right) == []


GROUPS = ["all", COMMON_NAME, {"Fn::Join": ["-", ["type", COMMON_NAME]]}]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_set("Resources.thing.Properties.ThingGroups", GROUPS), id="groups"),
        pytest.param(_set("Resources.thing.Properties.BillingGroup", "b"), id="billing group"),
        pytest.param(
            _set("Resources.thing.Properties.PackageVersions", {"agent": "1.0"}), id="packages"
        ),
        pytest.param(_set("Resources.thing.OverrideSettings.ThingGroups", "MERGE"), id="merge"),
        pytest.param(_drop("Resources.thing.OverrideSettings"), id="no overrides"),
        pytest.param(_drop("Resources.thing"), id="no thing"),
        pytest.param(_drop("Resources.policy"), id="no policy"),
        pytest.param(_set("Resources.second", OURS["Resources"]["policy"]), id="a second policy"),
        pytest.param(
            _set(
                "Parameters",
                OURS["Parameters"] | {p: {"Type": "String"} for p in SUBJECT_PARAMETERS},
            ),
            id="every subject parameter",
        ),
    ],
)
def test_what_aws_takes_has_no_problem(change: Change) -> None:
    """Templates of users' own that AWS IoT documents are not refused."""
    assert _problems(change) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(
            _set("Parameters.SerialNumber", {"Type": "String"}),
            "the parameter SerialNumber is not one that AWS IoT fills in",
            id="another parameter",
        ),
        pytest.param(
            _set("Parameters.AWS::IoT::Certificate::Country", {"Type": "Number"}),
            "Parameters.AWS::IoT::Certificate::Country.Type must be 'String', not 'Number'",
            id="parameter type",
        ),
        pytest.param(_drop("Parameters"), "Parameters is missing", id="no parameters"),
        pytest.param(_drop("Resources"), "Resources is missing", id="no resources"),
        pytest.param(
            _drop("Parameters.AWS::IoT::Certificate::Id"),
            "refers to AWS::IoT::Certificate::Id, which its Parameters do not declare",
            id="undeclared parameter",
        ),
        pytest.param(
            _set("Resources.thing.Properties.ThingGroups", [{"Fn::Join": ["-", [{"Ref": "X"}]]}]),
            "refers to X, which",
            id="undeclared parameter in a join",
        ),
        pytest.param(
            _set("Resources.rule.Type", "AWS::IoT::TopicRule"),
            "Resources.rule has the Type 'AWS::IoT::TopicRule', not one of",
            id="unknown resource",
        ),
        pytest.param(_drop("Resources.thing.Type"), "Resources.thing has no Type", id="no type"),
        pytest.param(
            _drop("Resources.thing.Properties.ThingName"),
            "Resources.thing.Properties.ThingName is missing",
            id="no thing name",
        ),
        pytest.param(
            _set("Resources.thing.Properties.ThingName", {"Sub": "x"}),
            'ThingName must be a string, {"Ref": NAME} or',
            id="unknown function",
        ),
        pytest.param(
            _set("Resources.thing.Properties.ThingTypeName", "a type"),
            "ThingTypeName must be letters, digits, colon, underscore and hyphen, not 'a type'",
            id="thing type name",
        ),
        pytest.param(
            _set("Resources.thing.Properties.Colour", "red"),
            "Colour is not part of a just-in-time provisioning template",
            id="unknown property",
        ),
        pytest.param(
            _set("Resources.thing.OverrideSettings.ThingTypeName", "MERGE"),
            "ThingTypeName must be 'DO_NOTHING', 'REPLACE' or 'FAIL', not 'MERGE'",
            id="merge where it is not allowed",
        ),
        pytest.param(
            _set("Resources.certificate.OverrideSettings.Status", "MERGE"),
            "Status must be 'DO_NOTHING', 'REPLACE' or 'FAIL', not 'MERGE'",
            id="merge of a certificate",
        ),
        pytest.param(
            _set("Resources.thing.OverrideSettings.AttributePayload", "IGNORE"),
            "AttributePayload must be 'DO_NOTHING', 'REPLACE', 'FAIL' or 'MERGE', not 'IGNORE'",
            id="unknown override",
        ),
        pytest.param(
            _drop("Resources.certificate"), "has 0 certificates, it must have one", id="none"
        ),
        pytest.param(
            _set("Resources.second", OURS["Resources"]["thing"]), "has 2 things", id="two things"
        ),
        pytest.param(
            _set("Resources.certificate.Properties", {"CertificateSigningRequest": "x"}),
            "Properties.CertificateId is missing",
            id="certificate by request",
        ),
        pytest.param(
            _set("Resources.certificate.Properties.CertificateId", "ab12"),
            "CertificateId must be a Ref to AWS::IoT::Certificate::Id",
            id="certificate by a fixed id",
        ),
        pytest.param(
            _set("Resources.policy.Properties", {}),
            "Resources.policy: a policy has exactly one of PolicyName and PolicyDocument",
            id="no policy name",
        ),
        pytest.param(
            _set("Resources.policy.Properties.PolicyDocument", "{}"),
            "exactly one of PolicyName and PolicyDocument",
            id="policy name and document",
        ),
        pytest.param(
            _set("Resources.policy.Properties", {"PolicyDocument": "{"}),
            "Resources.policy: the policy document is not JSON",
            id="bad policy document",
        ),
        pytest.param(
            _set("Resources.policy.Properties", {"PolicyDocument": {"Version": "2012-10-17"}}),
            "PolicyDocument: input should be a valid string",
            id="policy document not as text",
        ),
        pytest.param(
            _set("Resources.policy.Properties.PolicyName", "a policy"),
            "the PolicyName 'a policy' is not one that AWS IoT takes",
            id="policy name",
        ),
        pytest.param(
            _set("DeviceConfiguration", {}),
            "DeviceConfiguration is not part of a just-in-time provisioning template",
            id="fleet provisioning",
        ),
    ],
)
def test_what_aws_refuses_is_told(change: Change, problem: str) -> None:
    """A sentence names what AWS IoT would refuse."""
    assert problem in "\n".join(_problems(change))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(
            "", "the template is not JSON: Expecting value (line 1, column 1)", id="empty"
        ),
        pytest.param("[]", "must be a JSON object, not a list", id="list"),
        pytest.param("17", "must be a JSON object, not a number", id="number"),
        pytest.param('"{}"', "must be a JSON object, not a string", id="stringified twice"),
        pytest.param("null", "must be a JSON object, not null", id="null"),
        pytest.param("[" * 9_000, "the template is", id="nested too deeply"),
        pytest.param("9" * 9_000, "nested or numbered beyond reason", id="huge number"),
        pytest.param('{"Parameters":[],"Resources":7}', "Parameters", id="wrong types"),
    ],
)
def test_what_is_no_template_is_told(body: str, problem: str) -> None:
    """Any text gets an answer."""
    assert problem in "\n".join(template_problems(body))


def test_the_size_limit_counts_every_character() -> None:
    """10,240 characters pass, one more does not; whitespace counts."""
    body = json.dumps(OURS)
    assert template_problems(body.ljust(10_240)) == []
    assert template_problems(body.ljust(10_241)) == [
        "the template has 10241 characters, over AWS IoT's 10240"
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.sampled_from(["Parameters", "Resources", *(f"Resources.{n}" for n in OURS["Resources"])]))
def test_a_part_of_another_kind_is_told(path: str) -> None:
    """Numbers and lists where objects belong are found."""
    assert _problems(_set(path, 7)) != []
    assert _problems(_set(path, [])) != []


@given(json_values, json_values)
def test_any_json_gets_an_answer(parameters: object, resources: object) -> None:
    """The check never fails, whatever JSON it reads."""
    body = json.dumps({"Parameters": parameters, "Resources": {"thing": resources}})
    assert all(isinstance(problem, str) and problem for problem in template_problems(body))
    assert template_problems(body) != []
