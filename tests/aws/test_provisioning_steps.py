"""What devices become: thing type, policy, role and template, made once and never bent."""

from typing import Any

import pytest

from birthcert.aws import iam, provisioning, registration
from birthcert.aws.access import AwsAccess
from birthcert.errors import ResourceConflict
from birthcert.models import CertificateAuthority, Place
from birthcert.sandbox.server import Sandbox
from tests.aws.steps import REQUEST, register


def test_a_thing_type_is_made_once(aws: AwsAccess, place: Place) -> None:
    """The recipe's UnifiedAgent by default, found the second time."""
    first = provisioning.ensure_thing_type(aws, REQUEST, place)
    second = provisioning.ensure_thing_type(aws, REQUEST, place)
    assert (first.name, first.outcome, second.outcome) == ("UnifiedAgent", "created", "found")
    assert first.arn == second.arn


def test_a_deprecated_thing_type_is_a_conflict(aws: AwsAccess, place: Place) -> None:
    """No thing could be made of it, so no device could be provisioned."""
    provisioning.ensure_thing_type(aws, REQUEST, place)
    aws.call("iot", "DeprecateThingType", thingTypeName="UnifiedAgent")
    with pytest.raises(ResourceConflict, match="deprecated"):
        provisioning.ensure_thing_type(aws, REQUEST, place)


def test_a_policy_with_another_document_is_a_conflict(aws: AwsAccess, place: Place) -> None:
    """A document that devices may depend on is never replaced behind their back."""
    provisioning.ensure_device_policy(aws, REQUEST, place)
    wide = REQUEST.device_policy.model_copy(update={"kind": "recipe-wide"})
    with pytest.raises(ResourceConflict, match="acme-device is there with another document"):
        provisioning.ensure_device_policy(
            aws, REQUEST.model_copy(update={"device_policy": wide}), place
        )


def test_the_wide_policy_warns(
    aws: AwsAccess, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """The recipe's policy is given to who names it, with a warning."""
    wide = REQUEST.device_policy.model_copy(update={"kind": "recipe-wide"})
    made = provisioning.ensure_device_policy(
        aws, REQUEST.model_copy(update={"device_policy": wide}), place
    )
    assert "iot:CreateTopicRule" in made.document
    assert "only for a lab" in caplog.text


def test_a_role_serves_several_regions(aws: AwsAccess, place: Place) -> None:
    """The role is global: a second region is added to its trust, the first one stays."""
    first = iam.ensure_provisioning_role(aws, REQUEST, place)
    elsewhere = place.model_copy(update={"region": "us-east-1"})
    second = iam.ensure_provisioning_role(AwsAccess("us-east-1"), REQUEST, elsewhere)
    trust = str(aws.call("iam", "GetRole", RoleName=first.name)["Role"]["AssumeRolePolicyDocument"])
    assert (first.arn, second.outcome) == (second.arn, "found")
    assert f"arn:aws:iot:eu-west-1:{place.account}:*" in trust
    assert f"arn:aws:iot:us-east-1:{place.account}:*" in trust


def test_a_role_of_someone_else_is_a_conflict(aws: AwsAccess, place: Place) -> None:
    """A role that AWS IoT may not assume is not bent to our purpose."""
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        '"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    )
    aws.call("iam", "CreateRole", RoleName=REQUEST.role_name, AssumeRolePolicyDocument=trust)
    with pytest.raises(ResourceConflict, match="cannot be assumed by AWS IoT"):
        iam.ensure_provisioning_role(aws, REQUEST, place)


def attach(aws: AwsAccess, place: Place, ready: CertificateAuthority) -> dict[str, Any]:
    """Registration, role and template as the flow attaches them."""
    registered = register(aws, place, ready)
    provisioning.ensure_thing_type(aws, REQUEST, place)
    provisioning.ensure_device_policy(aws, REQUEST, place)
    role = iam.ensure_provisioning_role(aws, REQUEST, place)
    template = provisioning.attach_provisioning_template(aws, registered, role, REQUEST)
    return {"registration": registered, "role": role, "template": template}


def test_the_template_waits_out_iams_delay(
    aws: AwsAccess, place: Place, ready: CertificateAuthority, sandbox: Sandbox
) -> None:
    """A role made a moment ago is refused at first, and the step goes on until it is taken."""
    sandbox.state.knobs.update({"iam_delay_seconds": 1.0})
    before = sandbox.calls().get("iot.UpdateCACertificate", {}).get("InvalidRequestException", 0)
    made = attach(aws, place, ready)
    refused = sandbox.calls()["iot.UpdateCACertificate"]["InvalidRequestException"] - before
    assert refused >= 1
    verified = registration.verify_registration(
        aws, made["registration"], made["template"].body, made["role"].arn
    )
    assert (verified.status, verified.auto_registration) == ("ACTIVE", "ENABLE")


def test_a_template_changed_by_someone_is_seen(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """The template is compared byte for byte."""
    made = attach(aws, place, ready)
    with pytest.raises(ResourceConflict, match="template body differ"):
        registration.verify_registration(
            aws, made["registration"], made["template"].body + " ", made["role"].arn
        )
