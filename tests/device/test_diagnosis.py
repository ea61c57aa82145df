"""Why AWS IoT does not take a device: each cause made for real, and the sentence that names it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from birthcert.jitp.template import render_template

Spoil = Callable[[Any], None]


def _delete_role(tenant: Any) -> None:
    _detach_permissions(tenant)
    tenant.aws.call("iam", "DeleteRole", RoleName=tenant.request.role_name)


def _detach_permissions(tenant: Any) -> None:
    policy = "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration"
    name = tenant.request.role_name
    tenant.aws.call("iam", "DetachRolePolicy", RoleName=name, PolicyArn=policy)


def _distrust(tenant: Any) -> None:
    other = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
             "Action": "sts:AssumeRole"}  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [other]})
    name = tenant.request.role_name
    tenant.aws.call("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=document)


def _ask_for_a_serial_number(tenant: Any) -> None:
    attributes = {"serial": "AWS::IoT::Certificate::SerialNumber"}
    tenant.use_template(
        render_template(thing_type="UnifiedAgent", policy_name="acme-device", attributes=attributes)
    )


def _name_another_thing_type(tenant: Any) -> None:
    tenant.use_template(render_template(thing_type="NoSuchType", policy_name="acme-device"))


def _name_another_policy(tenant: Any) -> None:
    tenant.use_template(render_template(thing_type="UnifiedAgent", policy_name="no-such-policy"))


def _refuse_known_things(tenant: Any) -> None:
    tenant.iot("CreateThing", thingName="d-1", thingTypeName="UnifiedAgent")
    body = json.loads(render_template(thing_type="UnifiedAgent", policy_name="acme-device"))
    body["Resources"]["thing"]["OverrideSettings"] = {"ThingTypeName": "FAIL"}
    tenant.use_template(json.dumps(body))


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        pytest.param(_delete_role, "role/ACME-IOT-JIT-PROV does not exist", id="no role"),
        pytest.param(
            _detach_permissions, "AWSIoTThingsRegistration is not attached", id="no permissions"
        ),
        pytest.param(_distrust, "does not let iot.amazonaws.com assume", id="no trust"),
        pytest.param(
            _ask_for_a_serial_number,
            "declares AWS::IoT::Certificate::SerialNumber, which the certificate's subject",
            id="parameter missing",
        ),
        pytest.param(_name_another_thing_type, "thing type NoSuchType does not exist", id="type"),
        pytest.param(_name_another_policy, "policy no-such-policy does not exist", id="policy"),
        pytest.param(_refuse_known_things, "OverrideSettings say FAIL", id="thing is there"),
    ],
)
def test_a_certificate_stuck_in_pending_says_what_failed(
    tenant: Any, spoil: Spoil, part: str
) -> None:
    """Two tries are enough to see it, and the way out is told."""
    spoil(tenant)
    report = tenant.connect(tenant.device("d-1"))
    assert (report.connected, report.attempts) == (False, 2)
    assert report.certificate_status == "PENDING_ACTIVATION"
    assert part in report.problems[0]
    assert "aws iot delete-certificate" in report.problems[0]


def test_after_mending_and_deleting_the_certificate_it_works(tenant: Any) -> None:
    """The way out that is told is one."""
    _name_another_thing_type(tenant)
    device = tenant.device("d-1")
    identity = tenant.connect(device).certificate_id
    tenant.iot("CreateThingType", thingTypeName="NoSuchType")
    tenant.iot("UpdateCertificate", certificateId=identity, newStatus="INACTIVE")
    tenant.iot("DeleteCertificate", certificateId=identity, forceDelete=True)
    assert tenant.connect(device).connected


def _stop_registration(tenant: Any) -> None:
    tenant.iot(
        "UpdateCACertificate",
        certificateId=tenant.ca_certificate_id,
        newAutoRegistrationStatus="DISABLE",
    )


def _deactivate_ca(tenant: Any) -> None:
    tenant.iot("UpdateCACertificate", certificateId=tenant.ca_certificate_id, newStatus="INACTIVE")


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        pytest.param(_stop_registration, "auto-registration of the CA", id="auto-registration off"),
        pytest.param(_deactivate_ca, "is INACTIVE: no new device registers", id="CA inactive"),
    ],
)
def test_a_ca_that_registers_no_one_is_named(tenant: Any, spoil: Spoil, part: str) -> None:
    """The certificate was never seen, and the command that mends it is told."""
    spoil(tenant)
    report = tenant.connect(tenant.device("d-1"))
    assert report.certificate_status == "UNREGISTERED"
    assert part in report.problems[0]
    assert "aws iot update-ca-certificate" in report.problems[0]


def test_a_ca_that_aws_iot_does_not_know_is_named(tenant: Any, paper_device: Any) -> None:
    """The handshake is refused, and the reason is the registration that is missing."""
    report = tenant.connect(paper_device)
    assert report.certificate_status == "UNREGISTERED"
    assert "(CN=paper CA) is not registered with AWS IoT" in report.problems[0]


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_that_was_switched_off_is_named(tenant: Any, status: str) -> None:
    """Its status is the reason."""
    device = tenant.device("d-1")
    identity = tenant.connect(device).certificate_id
    tenant.iot("UpdateCertificate", certificateId=identity, newStatus=status)
    report = tenant.connect(device)
    assert report.certificate_status == status
    assert f"the device's certificate is {status}" in report.problems[0]


def test_a_client_id_that_is_no_thing_is_named(tenant: Any) -> None:
    """The certificate's own thing is told."""
    device = tenant.device("d-1")
    tenant.connect(device)
    report = tenant.connect(device, thing_name="nobody")
    assert "there is no thing nobody" in report.problems[0]
    assert "(--thing-name): d-1" in report.problems[0]


def test_a_thing_of_another_certificate_is_named(tenant: Any) -> None:
    """The certificate that it hangs on is told."""
    first = tenant.connect(tenant.device("d-1"))
    second = tenant.device("d-2")
    tenant.connect(second)
    report = tenant.connect(second, thing_name="d-1")
    assert "thing d-1 is not attached to this certificate" in report.problems[0]
    assert first.certificate_id in report.problems[0]


def test_a_certificate_without_a_policy_is_named(tenant: Any) -> None:
    """What to attach, and to what, is told."""
    device = tenant.device("d-1")
    report = tenant.connect(device)
    arn = f"arn:aws:iot:eu-west-1:{tenant.place.account}:cert/{report.certificate_id}"
    tenant.iot("DetachPolicy", policyName="acme-device", target=arn)
    again = tenant.connect(device)
    assert (
        "no policy is attached to the device's certificate; attach one: aws iot"
        in (again.problems[0])
    )


def test_provisioning_that_only_takes_its_time_is_waited_for(tenant: Any, sandbox: Any) -> None:
    """A template that is still running shows no fault, so the device goes on trying."""
    sandbox.state.knobs.update({"provisioning_seconds": 0.3})
    report = tenant.connect(tenant.device("d-1"))
    assert report.connected


def test_the_sandboxs_own_reason_agrees(tenant: Any, sandbox: Any) -> None:
    """What the diagnosis found is what the sandbox, which knows, has in its diary."""
    _ask_for_a_serial_number(tenant)
    report = tenant.connect(tenant.device("d-1"))
    reasons = [
        failure["reason"]
        for failure in sandbox._devices.failures()
        if failure["certificate_id"] == report.certificate_id
    ]
    assert len(reasons) == 1
    assert reasons[0] in report.problems[0]
