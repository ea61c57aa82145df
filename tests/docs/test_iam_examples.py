"""The operators' IAM policies in examples/iam, ready to use once the placeholders are replaced."""

import ast
import json
import re
from pathlib import Path
from string import Template
from typing import Any

import botocore.session
import pytest
from moto.iam.policy_validation import IAMPolicyDocumentValidator

HOME = Path(__file__).parents[2]
FILES = sorted((HOME / "examples" / "iam").glob("*.json"))
PLACEHOLDERS = {"region": "x" * 14, "account": "1" * 12, "tenant": "x" * 32, "bucket": "x" * 63}
SERVICES = ("acm-pca", "iot", "iam", "s3", "servicequotas")
MODELS = {"servicequotas": "service-quotas"}  # botocore's names where they are not IAM's
# a permission to hand a role over, not a call; one whose call is ListObjectsV2
WITHOUT_OPERATION = {"iam:PassRole", "s3:ListBucket"}
OWN_BUCKET = {"aws:ResourceAccount": "${account}"}
IAM_POLICY_MAX_LENGTH = 6_144  # characters without whitespace


def _operations() -> dict[str, set[str]]:
    session = botocore.session.get_session()
    models = {name: session.get_service_model(MODELS.get(name, name)) for name in SERVICES}
    return {service: set(model.operation_names) for service, model in models.items()}


OPERATIONS = _operations()


def _statements(file: Path) -> list[dict[str, Any]]:
    return list(json.loads(file.read_text())["Statement"])


def _listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]


def _actions(file: Path) -> set[str]:
    allowed = [each for each in _statements(file) if each["Effect"] == "Allow"]
    return {action for each in allowed for action in _listed(each["Action"])}


def test_each_operator_has_a_policy() -> None:
    """Whoever bootstraps, issues, proves or tears down has a role of its own."""
    assert [file.stem for file in FILES] == [
        "bootstrap",
        "canary",
        "issuer",
        "place",
        "reconcile",
        "rollover",
        "root",
        "teardown",
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
class TestPolicy:
    """What holds for every one of the policies."""

    def test_its_size_is_within_iams(self, file: Path) -> None:
        """IAM counts characters without whitespace, after names of usual length are put in."""
        bare = re.sub(r"\s", "", file.read_text())
        assert len(Template(bare).substitute(PLACEHOLDERS)) <= IAM_POLICY_MAX_LENGTH

    def test_iam_takes_it(self, file: Path) -> None:
        """Filled in, it is a policy document by the rules that moto knows of IAM's."""
        filled = Template(file.read_text()).substitute(PLACEHOLDERS)
        IAMPolicyDocumentValidator(filled).validate()

    def test_its_actions_exist(self, file: Path) -> None:
        """Each action is an operation of its service, spelled as AWS does."""
        for action in _actions(file) - WITHOUT_OPERATION:
            service, _, name = action.partition(":")
            assert name in OPERATIONS[service], action

    def test_no_statement_is_for_everything(self, file: Path) -> None:
        """No wildcard in an action; `*` as resource only with a condition."""
        for statement in _statements(file):
            assert not any("*" in action for action in _listed(statement["Action"]))
            assert statement["Resource"] != "*" or statement["Condition"], statement["Sid"]

    def test_its_resources_are_in_one_account(self, file: Path) -> None:
        """Every ARN names the account, and the region where the service has one.

        A bucket's has neither: there a condition names the account.
        """
        for statement in _statements(file):
            for arn in _listed(statement["Resource"]):
                service = "" if arn == "*" else arn.split(":")[2]
                if service == "s3":
                    assert statement["Condition"]["StringEquals"] == OWN_BUCKET
                    continue
                assert arn == "*" or ":${account}:" in arn
                assert service in ("", "iam") or ":${region}:" in arn

    def test_its_placeholders_are_known(self, file: Path) -> None:
        """What is to be filled in is in Terraform's way; only reconcile reads a bucket."""
        found = set(re.findall(r"\$\{(.*?)\}", file.read_text()))
        assert found - {"bucket"} == {"region", "account", "tenant"}
        assert ("bucket" in found) == (file.stem == "reconcile")

    def test_its_statements_are_named(self, file: Path) -> None:
        """Statement ids are there, alphanumeric and different."""
        sids = [statement["Sid"] for statement in _statements(file)]
        assert len(set(sids)) == len(sids)
        assert all(sid.isalnum() for sid in sids)


def test_issuing_is_limited_to_the_templates_of_devices() -> None:
    """Any template beside the device ones is denied, whatever else allows it."""
    issuer = {each["Sid"]: each for each in _statements(HOME / "examples/iam/issuer.json")}
    allowed = issuer["IssueDeviceCertificates"]["Condition"]["StringLike"]
    denied = issuer["NeverAnyOtherTemplate"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"StringNotLike": allowed}
    assert all("template/EndEntity" in arn for arn in allowed["acm-pca:TemplateArn"])


def test_who_makes_and_who_issues_cannot_destroy() -> None:
    """Delete, revoke and detach belong to other roles; the canary takes away only its own thing."""
    for name in ("bootstrap", "issuer"):
        actions = _actions(HOME / "examples" / "iam" / f"{name}.json")
        assert not [each for each in actions if re.search("Delete|Revoke|Detach|Deprecate", each)]


def test_the_policies_cover_the_products_calls() -> None:
    """Every operation that the product names, but S3's, is allowed by one of the policies."""
    known = {name for service in SERVICES[:3] for name in OPERATIONS[service]}
    covered = {name.partition(":")[2] for file in FILES for name in _actions(file)}
    called = {
        node.value
        for source in sorted((HOME / "birthcert" / "aws").glob("*.py"))
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known
    }
    assert "IssueCertificate" in called
    assert called <= covered
