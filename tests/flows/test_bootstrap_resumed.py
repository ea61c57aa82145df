"""The flow `bootstrap` that was stopped: by a refusal, by a kill, before it touched anything."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert import limits
from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, BirthcertError, ResourceGone, WrongAccount
from birthcert.models import BootstrapReport, BootstrapRequest
from birthcert.sandbox.server import Sandbox

QUICK = {"certificate_authority": {"key_algorithm": "EC_prime256v1"}, "canary": False}
TOO_LONG = "x" * limits.TEMPLATE_BODY_MAX_LENGTH
Run = Callable[[BootstrapRequest], Any]


def request(tenant: str, **facts: Any) -> BootstrapRequest:
    """A request of a tenant whose CA has a quick key."""
    return BootstrapRequest.model_validate({"tenant": tenant, **QUICK, **facts})


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Return as soon as the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come about"
        time.sleep(0.02)


def test_a_refused_step_is_gone_on_with(run_bootstrap: Run, sandbox: Sandbox) -> None:
    """What was made before the refusal is cached, what failed is not, and no second CA is made."""
    sandbox.state.knobs.update(
        {"calls": [{"action": "iot.CreatePolicy", "effect": "error",
                    "code": "UnauthorizedException", "status": 401}]}
    )  # fmt: skip
    with pytest.raises(AwsCallFailed, match=r"iot:CreatePolicy.*examples/iam"):
        run_bootstrap(request("globex"))
    assert sandbox.calls()["iot.CreatePolicy"] == {"UnauthorizedException": 1}
    sandbox.state.knobs.reset()
    ran = run_bootstrap(request("globex"))
    outcomes = list(ran.outcomes.values())
    assert outcomes[1:8] == ["cached", "cached", "found", "cached", "cached", "cached", "created"]
    assert not {"acm-pca.CreateCertificateAuthority", "acm-pca.IssueCertificate"} & ran.calls.keys()


def test_a_killed_run_is_gone_on_with(
    desk: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in the seventh step: the next run has the six before it, and finishes."""
    from birthcert.cli import run

    arguments = ["bootstrap", "--tenant", "initech", "--thing-type", "Initech", "--json"]
    arguments += ["--key-algorithm", "EC_prime256v1", "--no-canary"]
    sandbox.reset_calls()
    sandbox.state.knobs.update({"calls": [{"action": "iot.CreateThingType", "effect": "throttle"}]})
    with subprocess.Popen(
        [sys.executable, "-m", "birthcert", *arguments], stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: sandbox.calls().get("iot.CreateThingType") or process.poll() is not None)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    sandbox.state.knobs.reset()
    sandbox.reset_calls()
    assert run(arguments) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [step["outcome"] for step in steps[1:6] if step["arn"]] == ["cached"] * 4
    assert steps[6]["outcome"] == "created"
    assert "acm-pca.CreateCertificateAuthority" not in sandbox.calls()


def test_another_account_is_left_alone(run_bootstrap: Run, sandbox: Sandbox) -> None:
    """Credentials of the wrong account end the run at its first call."""
    with pytest.raises(WrongAccount, match="not to 999999999999"):
        run_bootstrap(request("acme", account="999999999999"))
    assert list(sandbox.calls()) == ["sts.GetCallerIdentity"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            {"template_body": json.dumps({"Resources": {}, "Parameters": {"x": TOO_LONG}})},
            "10240",
            id="template over AWS's size",
        ),
        pytest.param(
            {"device_policy": {"document": json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "iot:Connect", "Resource": TOO_LONG}]})}},
            "2048",
            id="policy over AWS's size",
        ),
        pytest.param({"template_body": "{"}, "JSON", id="template that is no JSON"),
        pytest.param({"tags": {"aws:mine": "x"}}, "reserved prefix", id="tag of AWS's own"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse_is_refused_first(
    run_bootstrap: Run, sandbox: Sandbox, facts: dict[str, Any], expected: str
) -> None:
    """Nothing is touched for a request that could not be finished."""
    with pytest.raises(BirthcertError, match=expected) as refused:
        run_bootstrap(request("acme", **facts))
    assert refused.value.exit_code == 2
    assert list(sandbox.calls()) == ["sts.GetCallerIdentity"]


def test_the_users_own_template_and_policy_are_set(run_bootstrap: Run) -> None:
    """templateBody.json and a policy document go to AWS as they are."""
    template = json.dumps(
        {
            "Parameters": {
                "AWS::IoT::Certificate::CommonName": {"Type": "String"},
                "AWS::IoT::Certificate::Id": {"Type": "String"},
            },
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "ACTIVE",
                    },
                },
                "policy": {
                    "Type": "AWS::IoT::Policy",
                    "Properties": {"PolicyName": "umbrella-own"},
                },
            },
        },
        indent=1,
    )
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    own = {"name": "umbrella-own", "document": policy}
    ran = run_bootstrap(request("umbrella", template_body=template, device_policy=own))
    assert ran.report.template_body == template
    assert ran.report.policy_name == "umbrella-own"
    assert ran.outcomes["verify_registration"] == "found"


def delete_what_devices_need(aws: AwsAccess, report: BootstrapReport) -> None:
    """Role, policy and thing type, as someone tidying up would."""
    role = report.role_arn.rpartition("/")[2]
    [managed] = aws.pages("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=role)
    aws.call("iam", "DetachRolePolicy", RoleName=role, PolicyArn=managed["PolicyArn"])
    aws.call("iam", "DeleteRole", RoleName=role)
    aws.call("iot", "DeletePolicy", policyName=report.policy_name)
    aws.call("iot", "DeprecateThingType", thingTypeName=report.thing_type)
    aws.call("iot", "DeleteThingType", thingTypeName=report.thing_type)


def test_what_was_deleted_since_is_noticed_and_made_again(
    run_bootstrap: Run, sandbox: Sandbox
) -> None:
    """A step remembered is no resource that is there: the run names what is gone, and --refresh."""
    asked = request("hooli", thing_type="Hooli", role_name="HOOLI-JIT")
    report = run_bootstrap(asked).report
    sandbox.state.knobs.update({"thing_type_deletion_seconds": 0})
    aws = AwsAccess(report.region)
    delete_what_devices_need(aws, report)
    with pytest.raises(ResourceGone, match=r"type Hooli, policy hooli-device, role HOOLI.*refresh"):
        run_bootstrap(asked)
    again = run_bootstrap(asked.model_copy(update={"refresh": True}))
    made = ("create_thing_type", "create_device_policy", "create_provisioning_role")
    assert {again.outcomes[name] for name in made} == {"created"}
    aws.call(
        "acm-pca",
        "UpdateCertificateAuthority",
        CertificateAuthorityArn=report.authority_arn,
        Status="DISABLED",
    )
    with pytest.raises(ResourceGone, match=r"is DISABLED.*refresh"):
        run_bootstrap(asked)
