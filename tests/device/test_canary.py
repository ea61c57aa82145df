"""A canary's flight: what it proves, what it finds wrong, and that nothing of it is left."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from birthcert.canary.bird import PREFIX, hatch
from birthcert.canary.flight import Flight
from birthcert.canary.records import Records, Traces
from birthcert.canary.verdict import CanaryFailed, require_passed
from birthcert.device.dialling import Schedule
from birthcert.device.target import Target
from birthcert.jitp.template import render_template
from birthcert.models import CanaryReport

QUICK = Schedule(first_pause_seconds=0.02)
Fly = Callable[..., CanaryReport]


@pytest.fixture
def fly(tenant: Any, tmp_path: Path) -> Fly:
    """Fly a canary of the tenant."""
    return lambda **facts: flight_of(tenant, tmp_path, **facts).fly()


def flight_of(tenant: Any, folder: Path, **facts: Any) -> Flight:
    """A flight with short pauses."""
    return Flight(
        tenant.aws,
        tenant.place,
        tenant.issuing,
        facts.get("target", tenant.target),
        tenant="acme",
        topic_namespace=facts.get("topic_namespace", "acme"),
        records=Records(folder / "canaries"),
        schedule=QUICK,
    )


def outcomes(report: CanaryReport) -> dict[str, str]:
    """The outcome of each check by its name."""
    return {check.name: check.outcome for check in report.checks}


def left_over(tenant: Any) -> list[str]:
    """Things and certificates in AWS IoT."""
    things = [thing["thingName"] for thing in tenant.iot("ListThings")["things"]]
    return things + [
        each["certificateId"] for each in tenant.iot("ListCertificates")["certificates"]
    ]


def test_it_proves_every_link_and_leaves_nothing(
    tenant: Any, fly: Fly, sandbox: Any, tmp_path: Path
) -> None:
    """Connect, drop, reconnect, publish, receive; certificate, thing, policy; taken away."""
    report = fly()
    assert outcomes(report) == dict.fromkeys(
        [
            "endpoint reachable",
            "certificate issued",
            "provisioned",
            "connected",
            "message published",
            "own message received",
            "certificate ACTIVE",
            "thing made",
            "policy attached",
            "taken away",
            "revoked",
        ],
        "passed",
    )
    assert report.attempts == 2
    assert report.thing_name.startswith(PREFIX)
    assert left_over(tenant) == []
    assert list((tmp_path / "canaries").iterdir()) == []
    with pytest.raises(Exception, match="RequestAlreadyProcessed"):
        _revoke_again(tenant, report)


def _revoke_again(tenant: Any, report: CanaryReport) -> None:
    serial = next(check.detail for check in report.checks if check.name == "revoked")
    tenant.aws.call(
        "acm-pca",
        "RevokeCertificate",
        CertificateAuthorityArn=tenant.authority.arn,
        CertificateSerial=serial,
        RevocationReason="UNSPECIFIED",
    )


def test_its_subject_has_what_the_template_declares(tenant: Any, fly: Fly) -> None:
    """A template of one's own with more parameters is proved all the same."""
    attributes = {
        "serial": "AWS::IoT::Certificate::SerialNumber",
        "country": "AWS::IoT::Certificate::Country",
    }
    tenant.use_template(
        render_template(thing_type="UnifiedAgent", policy_name="acme-device", attributes=attributes)
    )
    assert fly().passed


def test_a_policy_that_lets_no_one_receive_skips_that_check(
    make_tenant: Any, tmp_path: Path
) -> None:
    """The recipe's wide policy has no iot:Receive: the rest is proved."""
    tenant = make_tenant(device_policy={"kind": "recipe-wide"})
    report = flight_of(tenant, tmp_path).fly()
    assert report.passed
    assert outcomes(report)["own message received"] == "skipped"
    assert outcomes(report)["message published"] == "passed"


def test_a_template_that_fails_is_told_and_cleaned_up(tenant: Any, fly: Fly) -> None:
    """The reason is in the check, the pending certificate is taken away, the error names both."""
    tenant.use_template(render_template(thing_type="Gone", policy_name="acme-device"))
    report = fly()
    assert outcomes(report)["connected"] == "failed"
    assert (outcomes(report)["taken away"], outcomes(report)["revoked"]) == ("passed", "passed")
    assert left_over(tenant) == []
    with pytest.raises(CanaryFailed, match="thing type Gone does not exist") as raised:
        require_passed(report, made="all is made")
    assert str(raised.value).startswith("all is made: the canary failed at 'connected'")
    assert raised.value.exit_code == 1


def test_without_a_route_nothing_is_bought(
    tenant: Any, fly: Fly, counted: Callable[[], dict[str, int]]
) -> None:
    """A closed port ends the flight before a certificate is issued."""
    report = fly(target=Target("localhost", 1))
    assert outcomes(report) == {"endpoint reachable": "failed"}
    assert "acm-pca.IssueCertificate" not in counted()


def test_a_registration_without_a_template_is_told(tenant: Any, fly: Fly) -> None:
    """Nothing is bought where no device could be provisioned."""
    tenant.iot(
        "UpdateCACertificate", certificateId=tenant.ca_certificate_id, removeAutoRegistration=True
    )
    report = fly()
    assert outcomes(report)["certificate issued"] == "failed"
    assert report.arn == ""


def test_detaching_that_takes_its_time_is_waited_for(tenant: Any, fly: Fly, sandbox: Any) -> None:
    """DeleteCertificate and DeleteThing are tried until AWS has let go [32]."""
    sandbox.state.knobs.update({"detach_seconds": 0.5})
    assert fly().passed
    assert left_over(tenant) == []


DIE_IN_THE_AIR = """
import json, os, pathlib, signal, sys
from birthcert.canary.records import Records, Traces
with Records(pathlib.Path(sys.argv[1])).holding(Traces(**json.loads(sys.argv[2]))):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_dead_process_left_is_taken_away_by_the_next(
    tenant: Any, fly: Fly, tmp_path: Path
) -> None:
    """The dead canary was provisioned and never removed; the next flight does it first."""
    bird = hatch(tenant.aws, tenant.place, tenant.issuing, f"{PREFIX}dead")
    files = tmp_path / "dead"
    files.mkdir()
    (files / "chain.pem").write_bytes(bird.identity.chain_pem)
    (files / "private.pem").write_bytes(bird.identity.key_pem)
    flown = [str(tmp_path / "canaries"), json.dumps(asdict(bird.traces))]
    killed = subprocess.run([sys.executable, "-c", DIE_IN_THE_AIR, *flown], check=False)
    assert killed.returncode == -9
    tenant.connect(type("Files", (), {"chain": files / "chain.pem", "key": files / "private.pem"}))
    assert f"{PREFIX}dead" in left_over(tenant)
    report = fly()
    assert outcomes(report)[f"leftover {PREFIX}dead taken away"] == "passed"
    assert report.passed
    assert left_over(tenant) == []


def test_a_canary_that_still_flies_is_left_alone(tmp_path: Path) -> None:
    """Its process holds a lock: another flight does not see it as abandoned."""
    records = Records(tmp_path)
    facts = Traces("a", "a", "id", "ca", "arn", "01")
    with records.holding(facts), Records(tmp_path).abandoned() as found:
        assert found == []
    with records.abandoned() as found:
        assert [each.traces for each in found] == [facts]


def test_a_record_that_was_cut_short_is_dropped(tmp_path: Path) -> None:
    """Its process died before the canary reached AWS IoT: there is nothing to take away."""
    (tmp_path / "a.json").write_text(json.dumps({"name": "a"})[:-3])
    with Records(tmp_path).abandoned() as found:
        assert found == []
    assert list(tmp_path.iterdir()) == []


def test_a_thing_that_another_certificate_needs_is_left(tenant: Any) -> None:
    """Taking a device away does not take a thing from another."""
    from birthcert.aws.device_cleanup import remove_device

    first = tenant.connect(tenant.device("d-1"))
    second = tenant.connect(tenant.device("d-2"))
    arn = f"arn:aws:iot:eu-west-1:{tenant.place.account}:cert/{second.certificate_id}"
    tenant.iot("AttachThingPrincipal", thingName="d-1", principal=arn)
    remove_device(tenant.aws, first.certificate_id, "d-1")
    assert sorted(left_over(tenant)) == sorted(["d-1", "d-2", second.certificate_id])
    remove_device(tenant.aws, first.certificate_id, "no-such-thing")
