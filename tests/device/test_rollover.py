"""A CA is replaced while its devices work: both generations connect, then the old one ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.models import (
    BootstrapReport,
    BootstrapRequest,
    IssuerRequest,
    Place,
    RolloverReport,
    RolloverRequest,
)
from birthcert.planning import BootstrapPlan, plan_here
from birthcert.sandbox.server import Sandbox
from tests.conftest import REGION
from tests.device.conftest import DeviceFiles, Tenant

FACTS: dict[str, Any] = {
    "tenant": "acme",
    "certificate_authority": {"key_algorithm": "EC_prime256v1"},
    "further_places": [{"region": "us-east-1"}],
}


@dataclass
class Story:
    """A rollover told in its order: what each run reported, and who could connect after it."""

    sandbox: Sandbox
    folder: Path
    first: BootstrapReport
    reports: dict[str, RolloverReport] = field(default_factory=dict)
    planned: dict[str, set[str]] = field(default_factory=dict)
    connected: dict[str, dict[str, bool]] = field(default_factory=dict)
    issued_by: dict[str, str] = field(default_factory=dict)

    def run(self, name: str, wish: str, *, canary: bool = False) -> None:
        """The flow `rollover` once more."""
        from flows.rollover import rollover

        facts = {**FACTS, "replaces": self.first.authority_arn, "old_registration": wish}
        request = RolloverRequest.model_validate({**facts, "canary": canary})
        if name != "blocked":
            plan = plan_here(request)
            assert isinstance(plan, BootstrapPlan)
            steps = [step for step in plan.steps if not step.place]
            self.planned[name] = {step.step for step in steps if step.action == "make"}
        self.sandbox.reset_calls()
        self.reports[name] = rollover(request)

    def tenant(self, authority_arn: str, registration: dict[str, str]) -> Tenant:
        """The tenant with one of its CAs."""
        aws = AwsAccess(REGION, retry_seconds=3)
        place = Place(partition="aws", account=self.first.account, region=REGION)
        authority = private_ca.active_authority(aws, authority_arn)
        request = BootstrapRequest.model_validate(FACTS)
        identity = registration["certificate_id"]
        return Tenant(aws, place, request, authority, identity, self.folder)

    @contextmanager
    def policy_in_the_way(self) -> Iterator[None]:
        """The further place cannot be made ready: its device policy says something else."""
        far = AwsAccess("us-east-1", retry_seconds=3)
        name = {"policyName": self.first.policy_name}
        document = far.call("iot", "GetPolicy", **name)["policyDocument"]
        far.call("iot", "DeletePolicy", **name)
        far.call("iot", "CreatePolicy", **name, policyDocument=document.replace("acme", "other"))
        yield
        far.call("iot", "DeletePolicy", **name)

    @property
    def old(self) -> Tenant:
        """With the CA that is replaced."""
        return self.tenant(self.first.authority_arn, self.first.registration)

    @property
    def new(self) -> Tenant:
        """With the successor."""
        report = self.reports["moved"]
        return self.tenant(report.authority_arn, report.registration)

    def let_connect(self, when: str, **devices: tuple[Tenant, DeviceFiles]) -> None:
        """Who is let in now."""
        self.connected[when] = {
            name: tenant.connect(device).connected for name, (tenant, device) in devices.items()
        }

    def issuing(self) -> str:
        """The ARN of the CA that `issue` would take."""
        from tasks.authority import find_issuing_authority

        place = self.old.place
        found: str = find_issuing_authority.fn(IssuerRequest(tenant="acme"), place).arn
        return found


@pytest.fixture(scope="module")
def story(prefect: None, desk: Path, sandbox: Sandbox) -> Story:
    """Bootstrapped, rolled over, deactivated, deleted; devices connect in between."""
    from flows.bootstrap import bootstrap

    request = BootstrapRequest.model_validate({**FACTS, "canary": False})
    told = Story(sandbox, desk, bootstrap(request))
    old = told.old
    veteran, late, later = (old.device(name) for name in ("veteran", "late", "later"))
    told.let_connect("before", veteran=(old, veteran))
    with told.policy_in_the_way():
        told.run("blocked", "keep")
    told.issued_by["blocked"] = told.issuing()
    told.run("moved", "keep", canary=True)
    new = told.new
    young = new.device("young")
    told.let_connect("moved", veteran=(old, veteran), late=(old, late), young=(new, young))
    told.run("deactivated", "deactivate")
    told.let_connect("deactivated", veteran=(old, veteran), later=(old, later), young=(new, young))
    told.run("refused", "delete")
    told.let_connect("refused", veteran=(old, veteran))
    for device in (veteran, late):
        identity = device.identity.certificate_id
        old.iot("UpdateCertificate", certificateId=identity, newStatus="INACTIVE")
    told.run("deleted", "delete")
    told.let_connect("deleted", veteran=(old, veteran), young=(new, young))
    return told


def test_issuing_does_not_move_before_every_place_is_ready(story: Story) -> None:
    """The successor is there, but the old CA goes on issuing; exit code 3."""
    report = story.reports["blocked"]
    assert [place.failed_step for place in report.places] == ["verify_registration"]
    assert not report.moved
    assert report.exit_code() == 3
    assert report.authority_arn == story.reports["moved"].authority_arn
    assert story.issued_by["blocked"] == story.first.authority_arn
    assert report.old_registrations == []


def test_the_successor_issues_after_the_first_run(story: Story) -> None:
    """It is another CA, proved by a canary before it issued, and registered in every place."""
    report = story.reports["moved"]
    assert report.moved
    assert report.exit_code() == 0
    assert report.authority_arn != report.replaced_arn == story.first.authority_arn
    assert story.issuing() == report.authority_arn
    assert report.canary is not None
    assert report.canary.passed
    assert [step.name for step in report.steps][-3:] == [
        "prove_provisioning",
        "move_issuing",
        "end_old_registration",
    ]
    assert [(place.region, place.ready) for place in report.places] == [("us-east-1", True)]


def test_devices_of_both_generations_connect_meanwhile(story: Story) -> None:
    """Those that were provisioned, new ones of the old CA, and the successor's."""
    assert story.connected["before"] == {"veteran": True}
    assert story.connected["moved"] == {"veteran": True, "late": True, "young": True}
    kept = story.reports["moved"].old_registrations
    assert [(old.region, old.status) for old in kept] == [
        (REGION, "ACTIVE"),
        ("us-east-1", "ACTIVE"),
    ]


def test_a_deactivated_registration_takes_no_new_device(story: Story) -> None:
    """Those that are registered go on working [25]."""
    assert story.connected["deactivated"] == {"veteran": True, "later": False, "young": True}
    states = story.reports["deactivated"].old_registrations
    assert [(old.status, old.active_certificates) for old in states] == [
        ("INACTIVE", 2),
        ("INACTIVE", 0),
    ]


def test_it_is_not_deleted_while_a_device_certificate_is_active(story: Story) -> None:
    """The entry says how many and what to do; where none is, it is deleted; exit code 3."""
    report = story.reports["refused"]
    here, there = report.old_registrations
    assert "2 device certificates" in here.problem
    assert (there.status, there.problem) == ("NONE", "")
    assert report.exit_code() == 3
    assert story.connected["refused"] == {"veteran": True}


def test_it_is_deleted_when_none_is(story: Story) -> None:
    """The old registration is gone in each place, the successor's devices never notice."""
    report = story.reports["deleted"]
    assert [(old.status, old.problem) for old in report.old_registrations] == [
        ("NONE", ""),
        ("NONE", ""),
    ]
    assert story.connected["deleted"] == {"veteran": False, "young": True}
    registered = story.new.iot("ListCACertificates")["certificates"]
    assert [each["certificateId"] for each in registered] == [
        story.reports["moved"].registration["certificate_id"]
    ]


def test_later_runs_make_nothing(story: Story) -> None:
    """One successor, whatever is asked for afterwards."""
    arns = {report.authority_arn for report in story.reports.values()}
    assert len(arns) == 1
    listed = story.new.aws.call("acm-pca", "ListCertificateAuthorities")
    assert len(listed["CertificateAuthorities"]) == 2
    outcomes = {step.outcome for step in story.reports["deleted"].steps}
    assert outcomes == {"cached", "found", "created"}
    created = [s.name for s in story.reports["deleted"].steps if s.outcome == "created"]
    assert created == ["end_old_registration"]


def test_each_run_makes_what_was_planned(story: Story) -> None:
    """But for the canary, which a plan leaves out; a deletion that cannot be is not planned."""
    for name, planned in story.planned.items():
        created = {step.name for step in story.reports[name].steps if step.outcome == "created"}
        assert created - {"prove_provisioning"} == planned
    assert story.planned == {
        "moved": {"move_issuing"},
        "deactivated": {"end_old_registration"},
        "refused": set(),
        "deleted": {"end_old_registration"},
    }
