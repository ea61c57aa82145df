"""A device connected from here: provisioned, dropped, reconnected, publishing, receiving."""

from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import ConfigurationError, WrongAccount

VERSIONS = [pytest.param("mqtt5", id="MQTT 5"), pytest.param("mqtt311", id="MQTT 3.1.1")]


@pytest.fixture
def message(tmp_path: Path) -> Path:
    """A file with a message."""
    path = tmp_path / "foo.txt"
    path.write_text("hello")
    return path


@pytest.mark.parametrize("protocol", VERSIONS)
def test_a_new_device_is_dropped_once_and_then_works(
    tenant: Any, message: Path, protocol: str
) -> None:
    """The second try is accepted; its message comes back; AWS IoT has certificate and thing."""
    device = tenant.device("d-1", encrypted=True)
    report = tenant.connect(
        device,
        protocol=protocol,
        key_passphrase_file=_passphrase(message.parent),
        topic="acme/d-1/FOO",
        message_file=message,
        subscribe="acme/d-1/#",
    )
    assert (report.connected, report.attempts, report.published) == (True, 2, True)
    assert [(m.topic, m.payload) for m in report.received] == [("acme/d-1/FOO", "hello")]
    assert (report.thing_name, report.certificate_status) == ("d-1", "ACTIVE")
    assert tenant.iot("DescribeThing", thingName="d-1")["thingTypeName"] == "UnifiedAgent"
    assert report.problems == ()


@pytest.mark.parametrize("protocol", VERSIONS)
def test_a_known_device_is_let_in_at_once(tenant: Any, protocol: str) -> None:
    """One try, nothing published because nothing was asked for."""
    device = tenant.device("d-2")
    tenant.connect(device)
    report = tenant.connect(device, protocol=protocol)
    assert (report.connected, report.attempts, report.published) == (True, 1, False)


def test_a_bare_certificate_is_completed_from_the_chain_beside_it(tenant: Any) -> None:
    """certificate.pem of an output folder works as chain.pem does."""
    device = tenant.device("d-3")
    assert tenant.connect(device, certificate=device.certificate).connected


@pytest.mark.parametrize("protocol", VERSIONS)
def test_a_topic_that_the_policy_refuses_is_named(
    tenant: Any, message: Path, protocol: str
) -> None:
    """The connection stands, the publish does not, and the policy is given as the reason."""
    device = tenant.device("d-4")
    report = tenant.connect(device, protocol=protocol, topic="other/x", message_file=message)
    assert (report.connected, report.published) == (True, False)
    assert "policy acme-device does not allow iot:Publish on other/x" in report.problems[0]


def test_a_filter_that_the_policy_refuses_is_named(tenant: Any) -> None:
    """Subscribing to others' topics is refused, and the reason names the action."""
    report = tenant.connect(tenant.device("d-5"), subscribe="acme/#")
    assert "does not allow iot:Subscribe on acme/#" in report.problems[0]


def test_without_a_message_in_time_nothing_is_wrong(tenant: Any) -> None:
    """The subscription was granted: that is all that was asked."""
    report = tenant.connect(tenant.device("d-6"), subscribe="acme/d-6/#", wait_seconds=0)
    assert (report.connected, report.received, report.problems) == (True, (), ())


def test_it_works_without_aws_credentials(
    tenant: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoint, port and server CA are enough for a device; the refusal alone tells why."""
    device, target = tenant.device("d-7"), tenant.target
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("BIRTHCERT_SERVER_CA", str(sandbox.description.server_ca))
    report = tenant.connect(device, endpoint=f"localhost:{target.port}")
    assert (report.connected, report.certificate_status) == (True, "ACTIVE")
    refused = tenant.connect(device, endpoint=f"localhost:{target.port}", thing_name="other")
    assert refused.attempts == 5
    assert "not authorized" in refused.problems[0]
    with pytest.raises(ConfigurationError, match="--endpoint"):
        tenant.connect(device)


def test_the_account_that_was_asked_for_is_kept_to(tenant: Any) -> None:
    """Credentials of another account are no reason to go on without any."""
    with pytest.raises(WrongAccount):
        tenant.connect(tenant.device("d-8"), account="999999999999", endpoint="localhost")


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        pytest.param({"endpoint": "no-such-host.invalid"}, "does not resolve", id="unresolvable"),
        pytest.param({"port": 1}, "nothing answers at localhost:1", id="port closed"),
    ],
)
def test_an_endpoint_out_of_reach_is_said_without_a_try(
    tenant: Any, facts: dict[str, Any], part: str
) -> None:
    """The network's fault is found before the certificate is shown to anyone."""
    report = tenant.connect(tenant.device("d-9"), **facts)
    assert (report.connected, report.attempts) == (False, 0)
    assert part in report.problems[0]


def test_a_server_of_another_ca_is_not_spoken_to(tenant: Any, tmp_path: Path) -> None:
    """The device's trust is checked as a device's would be, and the flag is named."""
    foreign = tmp_path / "foreign.pem"
    foreign.write_text(tenant.authority.certificate_pem)
    report = tenant.connect(tenant.device("d-10"), server_ca=foreign)
    assert report.attempts == 0
    assert "is not trusted" in report.problems[0]
    assert "--server-ca" in report.problems[0]


def test_a_ca_in_sni_only_mode_provisions_as_well(make_tenant: Any) -> None:
    """The device and its certificate end in the mode of their CA."""
    tenant = make_tenant(registration_mode="SNI_ONLY")
    report = tenant.connect(tenant.device("d-11"))
    described = tenant.iot("DescribeCertificate", certificateId=report.certificate_id)
    assert (report.connected, report.certificate_status) == (True, "ACTIVE")
    assert described["certificateDescription"]["certificateMode"] == "SNI_ONLY"


def _passphrase(folder: Path) -> str:
    path = folder / "passphrase"
    path.write_bytes(b"open sesame\n")
    path.chmod(0o600)
    return str(path)
