"""The registrationConfig of a CA: template and role are checked as AWS checks them."""

import json

import pytest

from birthcert.jitp.template import render_template
from birthcert.sandbox.errors import AwsError

SENTENCE = "The provisioning role cannot be assumed by AWS IoT"


def trust(condition: dict | None = None, service: str = "iot.amazonaws.com") -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        **({"Condition": condition} if condition else {}),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def ca(bench, iot, make_issuer) -> str:
    """A registered CA's id."""
    return bench.register(iot, make_issuer(), setAsActive=True)


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(None, id="no-condition"),
        pytest.param({"StringEquals": {"aws:SourceAccount": "123456789012"}}, id="account"),
        pytest.param(
            {"ArnLike": {"aws:SourceArn": "arn:aws:iot:eu-west-1:123456789012:*"}}, id="arn"
        ),
    ],
)
def test_trusting_role_is_accepted(bench, iot, ca, condition):
    """A role that iot.amazonaws.com can assume for this account and region is taken."""
    config = bench.config(bench.make_role(trust(condition)))
    iot.update_ca_certificate(certificateId=ca, registrationConfig=config)
    assert iot.describe_ca_certificate(certificateId=ca)["registrationConfig"] == config


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(trust(service="lambda.amazonaws.com"), id="other-service"),
        pytest.param(
            trust({"StringEquals": {"aws:SourceAccount": "999999999999"}}), id="other-account"
        ),
        pytest.param(
            trust({"ArnLike": {"aws:SourceArn": "arn:aws:iot:us-east-1:123456789012:*"}}),
            id="other-region",
        ),
    ],
)
def test_role_that_does_not_trust_is_refused(bench, iot, ca, refusal, document):
    """Rule 28's sentence and nothing more, whatever the reason."""
    config = bench.config(bench.make_role(document))
    answer = refusal(iot.update_ca_certificate, certificateId=ca, registrationConfig=config)
    assert (answer["code"], answer["message"]) == ("InvalidRequestException", SENTENCE)


@pytest.mark.parametrize(
    "arn",
    [
        pytest.param("arn:aws:iam::123456789012:role/absent", id="absent"),
        pytest.param("arn:aws:iam::999999999999:role/absent", id="other-account"),
        pytest.param("arn:aws:iam::123456789012:user/absent", id="no-role"),
    ],
)
def test_role_that_is_not_there_is_refused(bench, iot, ca, refusal, arn):
    """A role that cannot be found cannot be assumed."""
    config = bench.config(arn)
    answer = refusal(iot.update_ca_certificate, certificateId=ca, registrationConfig=config)
    assert answer["message"] == SENTENCE


def test_new_role_is_refused_until_iam_is_consistent(bench, iot, ca, refusal):
    """The delay counts from CreateRole, and again from UpdateAssumeRolePolicy."""
    bench.set_knobs(iam_delay_seconds=15)
    arn = bench.make_role()
    update = {"certificateId": ca, "registrationConfig": bench.config(arn)}
    assert refusal(iot.update_ca_certificate, **update)["message"] == SENTENCE
    bench.clock.advance(16)
    iot.update_ca_certificate(**update)
    bench.client("iam").update_assume_role_policy(
        RoleName=arn.rpartition("/")[2], PolicyDocument=trust()
    )
    assert refusal(iot.update_ca_certificate, **update)["message"] == SENTENCE
    bench.clock.advance(16)
    iot.update_ca_certificate(**update)


def test_role_knob_refuses_any_role_for_its_seconds(bench, iot, ca, refusal):
    """`role_not_assumable_seconds` counts from the first attempt after it was set."""
    update = {"certificateId": ca, "registrationConfig": bench.config()}
    bench.set_knobs(role_not_assumable_seconds=30)
    bench.clock.advance(100)
    assert refusal(iot.update_ca_certificate, **update)["message"] == SENTENCE
    bench.clock.advance(29)
    assert refusal(iot.update_ca_certificate, **update)["message"] == SENTENCE
    bench.clock.advance(2)
    iot.update_ca_certificate(**update)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("{", "JSON", id="json"),
        pytest.param(
            render_template(thing_type="T", policy_name="P").replace(
                "AWS::IoT::Certificate::CommonName", "AWS::IoT::Certificate::OrganizationName"
            ),
            "OrganizationName",
            id="parameter",
        ),
        pytest.param(" " * 10_241, "10240", id="size"),
    ],
)
def test_wrong_template_is_refused(bench, iot, ca, refusal, body, words):
    """A template that AWS would refuse is an InvalidRequestException that names the fault."""
    config = {"templateBody": body, "roleArn": bench.make_role()}
    answer = refusal(iot.update_ca_certificate, certificateId=ca, registrationConfig=config)
    assert answer["code"] == "InvalidRequestException"
    assert words in answer["message"]


@pytest.mark.parametrize(
    ("config", "code"),
    [
        pytest.param({"templateName": "fleet"}, "ResourceNotFoundException", id="template-name"),
        pytest.param({"templateName": "a b"}, "InvalidRequestException", id="template-pattern"),
        pytest.param({"templateBody": "{}"}, "InvalidRequestException", id="no-role"),
        pytest.param(
            {
                "templateBody": render_template(thing_type="T", policy_name="P"),
                "roleArn": "arn:aws:iam::123456789012:role/" + "r" * 2_048,
            },
            "InvalidRequestException",
            id="role-arn-size",
        ),
    ],
)
def test_incomplete_configuration_is_refused(iot, ca, refusal, config, code):
    """Template and role belong together; named templates are not there."""
    answer = refusal(iot.update_ca_certificate, certificateId=ca, registrationConfig=config)
    assert answer["code"] == code


def test_device_endpoint_hears_why_a_role_cannot_be_assumed(bench, iot):
    """The registry's own answer to the device endpoint carries the reason after AWS's sentence."""
    bench.registry.assume_provisioning_role(bench.make_role())
    with pytest.raises(AwsError, match=f"{SENTENCE}: there is no role"):
        bench.registry.assume_provisioning_role("arn:aws:iam::123456789012:role/absent")


def test_role_may_provision_by_the_managed_policy_or_by_its_own(bench):
    """AWSIoTThingsRegistration or an inline policy with the same actions; nothing is too little."""
    arn = bench.make_role(attach=False)
    problems = bench.registry.role_may_provision(arn)
    assert "AWSIoTThingsRegistration" in problems[0]
    assert "iot:CreateThing" in problems[0]
    statement = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    bench.client("iam").put_role_policy(
        RoleName=arn.rpartition("/")[2],
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    assert bench.registry.role_may_provision(arn) == []
    assert bench.registry.role_may_provision(bench.make_role()) == []


def test_denied_action_keeps_a_role_from_provisioning(bench):
    """An explicit Deny is stronger than the managed policy."""
    arn = bench.make_role()
    statement = {"Effect": "Deny", "Action": "iot:Attach*", "Resource": "*"}
    bench.client("iam").put_role_policy(
        RoleName=arn.rpartition("/")[2],
        PolicyName="deny",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    problems = bench.registry.role_may_provision(arn)
    assert "iot:AttachPolicy" in problems[0]
    assert "iot:CreateThing" not in problems[0]
