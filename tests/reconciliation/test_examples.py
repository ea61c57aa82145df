"""The files of examples/reconcile fit what the product does and what AWS and Prefect take."""

import ast
import json
from pathlib import Path
from typing import Any

import botocore.session

HOME = Path(__file__).parents[2]
EXAMPLES = HOME / "examples" / "reconcile"
# what a call needs where the permission's name is another
PERMISSIONS = {"s3:ListObjectsV2": "s3:ListBucket"}


def allowed() -> set[str]:
    """The actions that the operator's policy allows."""
    document = json.loads((HOME / "examples" / "iam" / "reconcile.json").read_text())
    return {action for each in document["Statement"] for action in each["Action"]}


def calls_of(module: str) -> set[str]:
    """The strings of a module, the actions that it calls among them."""
    nodes = ast.walk(ast.parse((HOME / module).read_text()))
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}


def test_the_operator_may_make_and_read_reports() -> None:
    """Each call of the audit report's module is allowed."""
    names = calls_of("birthcert/aws/audit_report.py")
    session = botocore.session.get_session()
    called = {
        PERMISSIONS.get(f"{service}:{name}", f"{service}:{name}")
        for service in ("acm-pca", "s3")
        for name in session.get_service_model(service).operation_names
        if name in names
    }
    assert len(called) == 4
    assert called <= allowed()


def test_the_operator_can_change_nothing() -> None:
    """No action issues, revokes, deletes or updates; a report is the only thing made."""
    harmless = ("Describe", "Get", "List")
    changing = {each for each in allowed() if not each.split(":")[1].startswith(harmless)}
    assert changing == {"acm-pca:CreateCertificateAuthorityAuditReport"}


def test_the_bucket_is_open_to_one_authority() -> None:
    """The service may write, on behalf of one account and one CA."""
    (statement,) = json.loads((EXAMPLES / "bucket-policy.json").read_text())["Statement"]
    assert statement["Principal"] == {"Service": "acm-pca.amazonaws.com"}
    equals: dict[str, Any] = statement["Condition"]["StringEquals"]
    assert equals == {"aws:SourceAccount": "${account}", "aws:SourceArn": "${authority_arn}"}


def test_prefect_takes_the_automation() -> None:
    """It is one of Prefect's own models, and crashes the run that fell silent."""
    from prefect.events.schemas.automations import AutomationCore

    text = (EXAMPLES / "crash-without-heartbeat.json").read_text()
    automation = AutomationCore.model_validate_json(text)
    (action,) = automation.actions
    assert (action.type, str(action.state.value)) == ("change-flow-run-state", "CRASHED")
