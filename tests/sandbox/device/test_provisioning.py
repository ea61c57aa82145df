"""Just-in-time provisioning over a real TLS connection."""

import json
from collections.abc import Callable
from typing import Any

import mqtt5
import pytest


def template_with(lab: Any, **thing: Any) -> str:
    """The lab's template with other members of its thing."""
    body = json.loads(lab.template())
    body["Resources"]["thing"] |= {k: v for k, v in thing.items() if k == "OverrideSettings"}
    body["Resources"]["thing"]["Properties"] |= thing.get("Properties", {})
    return json.dumps(body)


def test_the_first_connection_provisions_and_is_dropped(lab: Any) -> None:
    """No CONNACK; then thing, type, policy and an ACTIVE certificate are there."""
    device = lab.device("jitp-1")
    _, answer = lab.connect(device)
    assert answer is None
    certificate = lab.registry.certificate(device.certificate_id)
    assert certificate.status == "ACTIVE"
    assert certificate.ca_certificate_id == lab.ca_id
    assert lab.registry.thing("jitp-1").thing_type == "UnifiedAgent"
    assert lab.registry.things_of(certificate.arn) == ["jitp-1"]
    assert len(lab.registry.policies_of(certificate.arn)) == 1


def test_the_second_connection_is_accepted(lab: Any) -> None:
    """The reconnect gets its CONNACK."""
    device = lab.device("jitp-2")
    lab.provision(device)
    _, answer = lab.connect(device)
    assert int(answer.reason_code) == 0


def test_a_bare_handshake_registers_nothing(lab: Any) -> None:
    """It takes a CONNECT."""
    device = lab.device("jitp-bare")
    tls = lab.tls(device)
    tls.sendall(b"\x10")
    tls.close()
    lab.provision(lab.device("jitp-after-bare"))
    assert lab.status(device) == ""


def test_the_registration_is_announced_on_the_events_topic(lab: Any) -> None:
    """A subscriber with the right policy gets the certificate's and the CA's id."""
    watcher = lab.device("watcher")
    lab.provision(watcher)
    allow = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    lab.registry.create_policy("watch-everything", document)
    certificate = lab.registry.certificate(watcher.certificate_id)
    lab.registry.attach_policy("watch-everything", certificate.arn)
    raw = lab.online(watcher)
    topic = f"$aws/events/certificates/registered/{lab.ca_id}"
    raw.ask(mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(topic, max_qos=mqtt5.QoS(1))]))
    device = lab.device("announced")
    lab.provision(device)
    message = raw.receive()
    event = json.loads(message.payload)
    assert message.topic == topic
    assert event["certificateId"] == device.certificate_id
    assert event["caCertificateId"] == lab.ca_id
    assert event["certificateStatus"] == "PENDING_ACTIVATION"
    assert event["awsAccountId"] == "123456789012"


def test_without_a_template_the_certificate_waits_for_its_activation(
    lab: Any, another_authority: Callable[[str], Any]
) -> None:
    """Just-in-time registration: PENDING_ACTIVATION, and the next CONNECT is refused."""
    authority = another_authority("registration only CA")
    lab.register(authority, None)
    device = lab.device("jitr-1", authority)
    lab.provision(device)
    assert lab.status(device) == "PENDING_ACTIVATION"
    _, answer = lab.connect(device)
    assert int(answer.reason_code) == 0x87
    assert lab.refusal_of("the certificate is PENDING_ACTIVATION")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"newStatus": "INACTIVE"}, "is INACTIVE", id="inactive"),
        pytest.param({"newAutoRegistrationStatus": "DISABLE"}, "auto-registration", id="auto-off"),
    ],
)
def test_a_ca_that_is_switched_off_lets_known_devices_go_on_and_no_new_ones_in(
    lab: Any, another_authority: Callable[[str], Any], change: dict[str, str], reason: str
) -> None:
    """Registered certificates work, a new one is not registered."""
    authority = another_authority(f"switched-off CA {reason}")
    ca_id = lab.register(authority, lab.template())
    name = f"known-{ca_id[:8]}"
    known, new = lab.device(name, authority), lab.device("new", authority)
    lab.provision(known)
    lab.registry.handle("UpdateCACertificate", {"certificateId": ca_id, **change})
    assert int(lab.connect(known)[1].reason_code) == 0
    assert lab.connect(new)[1] is None
    assert lab.status(new) == ""
    assert lab.refusal_of(reason)


@pytest.mark.parametrize(
    ("body_of", "part"),
    [
        pytest.param(
            lambda lab: lab.template(org="AWS::IoT::Certificate::Organization"),
            "declares AWS::IoT::Certificate::Organization",
            id="parameter-not-in-subject",
        ),
        pytest.param(
            lambda lab: lab.template().replace("UnifiedAgent", "Toaster"),
            "thing type 'Toaster' does not exist",
            id="thing-type-missing",
        ),
        pytest.param(
            lambda lab: lab.template().replace("acme-device", "no-such-policy"),
            "policy 'no-such-policy' does not exist",
            id="policy-missing",
        ),
    ],
)
def test_a_template_that_fails_leaves_pending_activation_and_a_reason(
    lab: Any, another_authority: Callable[[str], Any], body_of: Callable[[Any], str], part: str
) -> None:
    """The failure is listed with the device's name and why."""
    authority = another_authority(f"failing: {part[:40]}")
    lab.register(authority, body_of(lab))
    device = lab.device("unlucky", authority)
    lab.provision(device)
    assert lab.status(device) == "PENDING_ACTIVATION"
    failure = lab.endpoint.failures()[-1]
    assert failure["certificate_id"] == device.certificate_id
    assert failure["common_name"] == "unlucky"
    assert part in failure["reason"]
    assert failure["time"]


def test_a_role_without_permissions_fails_the_provisioning(lab: Any) -> None:
    """As in the written recipe, which attaches none."""
    lab.permissions = '{"Statement": []}'
    device = lab.device("no-permissions")
    lab.provision(device)
    lab.permissions = '{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}'
    assert lab.status(device) == "PENDING_ACTIVATION"
    assert "AWSIoTThingsRegistration" in lab.endpoint.failures()[-1]["reason"]


def test_a_common_name_that_is_no_thing_name_fails(lab: Any) -> None:
    """A blank in it, for instance."""
    device = lab.device("two words")
    lab.provision(device)
    assert lab.status(device) == "PENDING_ACTIVATION"
    assert "'two words' is no thing name" in lab.endpoint.failures()[-1]["reason"]


@pytest.mark.parametrize(
    ("setting", "attributes", "status"),
    [
        pytest.param("MERGE", {"old": "1", "new": "2"}, "ACTIVE", id="merge"),
        pytest.param("REPLACE", {"new": "2"}, "ACTIVE", id="replace"),
        pytest.param("DO_NOTHING", {"old": "1"}, "ACTIVE", id="do-nothing"),
        pytest.param("FAIL", {"old": "1"}, "PENDING_ACTIVATION", id="fail"),
    ],
)
def test_override_settings_decide_about_a_thing_that_is_there(
    lab: Any,
    another_authority: Callable[[str], Any],
    setting: str,
    attributes: dict[str, str],
    status: str,
) -> None:
    """Its attributes are merged, replaced, kept, or the provisioning fails."""
    authority = another_authority(f"overriding CA {setting}")
    body = template_with(
        lab,
        Properties={"AttributePayload": {"new": "2"}},
        OverrideSettings={"AttributePayload": setting, "ThingTypeName": "DO_NOTHING"},
    )
    lab.register(authority, body)
    name = f"there-{setting}"
    lab.registry.create_thing(name, None, {"old": "1"})
    device = lab.device(name, authority)
    lab.provision(device)
    assert lab.status(device) == status
    assert lab.registry.thing(name).attributes == attributes
    assert lab.registry.thing(name).thing_type is None


def test_a_policy_by_document_is_made_once_and_attached(
    lab: Any, another_authority: Callable[[str], Any]
) -> None:
    """Two devices share the policy that is named by the document's hash."""
    allow = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    body = json.loads(lab.template())
    body["Resources"]["policy"]["Properties"] = {"PolicyDocument": document}
    authority = another_authority("policy by document CA")
    lab.register(authority, json.dumps(body))
    devices = [lab.device(f"by-document-{number}", authority) for number in range(2)]
    for device in devices:
        lab.provision(device)
        arn = lab.registry.certificate(device.certificate_id).arn
        assert lab.registry.policies_of(arn) == [document]
        assert int(lab.connect(device)[1].reason_code) == 0


def test_an_intermediate_can_be_registered_alone(
    lab: Any, another_authority: Callable[[str], Any]
) -> None:
    """Partial chains end at the registered CA; a CA registered later is trusted at once."""
    late = another_authority("registered after the start")
    device = lab.device("late-1", late)
    lab.register(late, lab.template())
    lab.provision(device)
    assert lab.status(device) == "ACTIVE"
