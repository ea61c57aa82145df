"""One CA registered in several regions and accounts: each place has an outcome of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.ledger.ledger import Ledger
from birthcert.models import BootstrapRequest
from birthcert.sandbox.server import Sandbox
from blocks.aws_account import AwsAccount
from tests.conftest import REGION

FAR = "us-east-1"
OTHER_ACCOUNT = "555555555555"
REQUEST = BootstrapRequest.model_validate(
    {
        "tenant": "acme",
        "certificate_authority": {"key_algorithm": "EC_prime256v1"},
        "registration_mode": "SNI_ONLY",
        "canary": False,
        "further_places": [
            {"region": FAR},
            {"region": REGION, "account_block": "other"},
            {"region": FAR, "account_block": "other"},
        ],
    }
)
DENYING = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iot:*","Resource":"*"}]}'
READING = ("Describe", "Get", "List")


@pytest.fixture(scope="module")
def other(desk: Path) -> AwsAccess:
    """The way to the other account, by the block that the request names."""
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/birthcert"
    block = AwsAccount(region=REGION, role_arn=role)
    block.save("other", overwrite=True)
    return block.get_access(FAR)


@pytest.fixture(scope="module")
def runs(other: AwsAccess, run_bootstrap: Callable[[BootstrapRequest], Any]) -> dict[str, Any]:
    """One place is in the way of itself; then that is put right and the same is run again."""
    other.call("iot", "CreatePolicy", policyName="acme-device", policyDocument=DENYING)
    first = run_bootstrap(REQUEST)
    other.call("iot", "DeletePolicy", policyName="acme-device")
    return {"first": first, "again": run_bootstrap(REQUEST)}


def test_one_that_fails_stops_no_other(runs: dict[str, Any]) -> None:
    """The report says which, at what step and why; the exit code is 3."""
    report = runs["first"].report
    assert [(each.account, each.region, each.ready) for each in report.places] == [
        (report.account, FAR, True),
        (OTHER_ACCOUNT, REGION, True),
        (OTHER_ACCOUNT, FAR, False),
    ]
    failed = report.places[2]
    assert failed.failed_step == "create_device_policy"
    assert "acme-device is there with another document" in failed.problem
    assert failed.steps[-1].name == "create_thing_type"
    assert report.exit_code() == 3


def test_the_next_run_goes_on_with_what_failed(runs: dict[str, Any]) -> None:
    """What is ready is not touched again; the failed place ends ready."""
    report = runs["again"].report
    assert report.exit_code() == 0
    assert all(each.ready for each in report.places)
    changed = {
        name: sum(outcomes.values())
        for name, outcomes in runs["again"].calls.items()
        if not name.split(".")[1].startswith((*READING, "AssumeRole"))
    }
    assert changed == {"iot.CreatePolicy": 1, "iot.UpdateCACertificate": 1}


def test_each_place_has_what_a_device_needs(
    runs: dict[str, Any], other: AwsAccess, sandbox: Sandbox
) -> None:
    """One CA, and in each place registration, template, role, policy, thing type, endpoint."""
    report = runs["again"].report
    accesses = [AwsAccess(FAR), AwsAccount.load("other").get_access(), other]
    for place, aws in zip(report.places, accesses, strict=True):
        assert place.registration["certificate_id"] == report.registration["certificate_id"]
        assert f":{place.region}:{place.account}:" in place.registration["certificate_arn"]
        found = aws.call(
            "iot", "DescribeCACertificate", certificateId=report.registration["certificate_id"]
        )
        assert found["certificateDescription"]["certificatePem"] == report.authority_certificate_pem
        assert found["certificateDescription"]["status"] == "ACTIVE"
        assert found["registrationConfig"]["roleArn"] == place.role_arn
        assert found["registrationConfig"]["templateBody"] == report.template_body
        assert aws.call("iot", "GetPolicy", policyName="acme-device")["policyArn"]
        assert aws.call("iot", "DescribeThingType", thingTypeName="UnifiedAgent")["thingTypeArn"]
        endpoint = aws.call("iot", "DescribeEndpoint", endpointType="iot:Data-ATS")
        assert place.endpoint == endpoint["endpointAddress"]
        assert aws.call("acm-pca", "ListCertificateAuthorities")["CertificateAuthorities"] == []


def test_the_ledger_knows_each_registration(runs: dict[str, Any], desk: Path) -> None:
    """One CA, in its own place, registered in four."""
    report = runs["again"].report
    with Ledger.open(None, desk / "state") as ledger:
        (known,) = ledger.authorities(tenant="acme")
    assert known.place.startswith(f"aws-{report.account}-{report.region}-sandbox-")
    assert {each.certificate_arn for each in known.registrations} == {
        each.registration["certificate_arn"] for each in (report, *report.places)
    }


def test_an_accounts_role_serves_all_its_places(runs: dict[str, Any], other: AwsAccess) -> None:
    """Two regions at once do not undo each other's trust: the role is made for both."""
    report = runs["first"].report
    for account, aws in ((report.account, AwsAccess(FAR)), (OTHER_ACCOUNT, other)):
        role = aws.call("iam", "GetRole", RoleName="ACME-IOT-JIT-PROV")["Role"]
        trust = str(role["AssumeRolePolicyDocument"])
        assert f"arn:aws:iot:{REGION}:{account}:*" in trust
        assert f"arn:aws:iot:{FAR}:{account}:*" in trust


def test_the_page_in_prefects_ui_names_the_places(
    runs: dict[str, Any], page: Callable[..., Any]
) -> None:
    """Which are ready, and what to do about the others."""
    artifact = page("bootstrap")
    assert artifact is not None
    assert f"| {OTHER_ACCOUNT} | {FAR} | ready |" in str(artifact.data)
