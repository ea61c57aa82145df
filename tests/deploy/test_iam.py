"""deploy/iam: a role for each operator of a tenant, and what the workers' role may do."""

import json
import re
from pathlib import Path
from string import Template
from typing import Any

import pytest
from moto.iam.policy_validation import (
    IAMPolicyDocumentValidator,
    IAMTrustPolicyDocumentValidator,
)

HOME = Path(__file__).parents[2]
IAM = HOME / "deploy" / "iam"
MODULE: dict[str, Any] = json.loads((IAM / "main.tf.json").read_text())
FACTS: dict[str, str] = MODULE["locals"]["facts"]
OPERATORS: list[str] = MODULE["variable"]["operators"]["default"]
FURTHER = "place"  # of a further account, by a call of its own
NOW_AND_THEN = {"rollover", "root", "teardown"}  # attached by hand, while it is under way
FILLED = {name: f"a{name.replace('_', '-')}" for name in FACTS}
EVERYWHERE = r"\$\{(.*?)\}"


def templates() -> list[Path]:
    """The files that the module fills in."""
    named = re.findall(
        r'templatefile\("\$\{path.module\}/([^"]+)"', json.dumps(MODULE).replace("\\", "")
    )
    paths = [name.replace("${each.key}", each) for name in named for each in (*OPERATORS, FURTHER)]
    return sorted({(IAM / path).resolve() for path in paths})


def test_every_operator_of_the_ca_has_a_role() -> None:
    """All but what is done once in years, and the one of further accounts."""
    policies = {each.stem for each in (HOME / "examples" / "iam").glob("*.json")}
    assert set(OPERATORS) == policies - NOW_AND_THEN - {FURTHER}


@pytest.mark.parametrize("file", templates(), ids=lambda file: file.name)
def test_templates_ask_for_what_the_module_gives(file: Path) -> None:
    """Terraform refuses a template with a variable that it was not given."""
    assert set(re.findall(EVERYWHERE, file.read_text())) <= set(FACTS)
    json.loads(Template(file.read_text()).substitute(FILLED))


def test_every_variable_is_declared_and_used() -> None:
    """The module's references are to what it declares, and nothing is asked for in vain."""
    text = json.dumps(MODULE)
    assert set(re.findall(r"var\.(\w+)", text)) == set(MODULE["variable"])
    assert set(re.findall(r"local\.(\w+)", text)) == set(MODULE["locals"])
    asked = {name for file in templates() for name in re.findall(EVERYWHERE, file.read_text())}
    assert asked == set(FACTS)


def test_references_are_to_resources_of_the_module() -> None:
    """A role's policy is attached to that role."""
    kinds = MODULE["resource"]
    for kind, name in re.findall(r"(aws_\w+)\.(\w+)[.\[]", json.dumps(MODULE)):
        assert name in kinds[kind]


@pytest.mark.parametrize("name", ["worker", "files"])
def test_what_is_not_bound_to_an_account_is_bound_to_the_tenant(name: str) -> None:
    """The tenant's roles, results, and files in S3, and no more."""
    text = Template((IAM / f"{name}.json").read_text()).substitute(FILLED)
    IAMPolicyDocumentValidator(text).validate()
    for statement in json.loads(text)["Statement"]:
        assert statement["Resource"] != "*"
        assert FILLED["tenant"] in statement["Resource"] or statement["Condition"]


def test_roles_are_the_workers_alone() -> None:
    """Only the workers' role, with the external id, and with no other tag than the tenant's."""
    text = Template((IAM / "trust.json").read_text()).substitute(FILLED)
    IAMTrustPolicyDocumentValidator(text).validate()
    assume, tag = json.loads(text)["Statement"]
    assert assume["Condition"] == {"StringEquals": {"sts:ExternalId": FILLED["external_id"]}}
    assert assume["Principal"] == tag["Principal"] == {"AWS": FILLED["worker_role_arn"]}
    assert tag["Condition"]["StringEquals"] == {"aws:RequestTag/birthcert:tenant": FILLED["tenant"]}


def test_a_results_key_is_within_what_the_workers_may() -> None:
    """The policy's prefix is the one of the steps' cache keys."""
    from types import SimpleNamespace

    from birthcert.models import Place, WhereRequest
    from tasks.steps import step_key

    place = Place(partition="aws", account="111111111111", region="eu-west-1")
    context: Any = SimpleNamespace(task=SimpleNamespace(name="create_thing_type"))
    key = step_key(context, {"request": WhereRequest(tenant="acme"), "place": place})
    worker = json.loads((IAM / "worker.json").read_text())
    allowed = worker["Statement"][2]["Resource"].partition("${results_bucket}/")[2]
    pattern = re.escape(allowed).replace(r"\*", ".*").replace(re.escape("${tenant}"), "acme")
    assert re.fullmatch(pattern, key)
