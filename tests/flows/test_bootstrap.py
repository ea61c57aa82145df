"""The flow `bootstrap` on an empty account: what it makes, finds again and remembers."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.aws.access import AwsAccess
from birthcert.ledger.ledger import Ledger
from birthcert.models import BootstrapRequest
from birthcert.sandbox.server import Sandbox

Runs = dict[str, Any]
REQUEST = BootstrapRequest.model_validate(
    {
        "tenant": "acme",
        "tags": {"OWNER": "ajk"},
        "certificate_authority": {"key_algorithm": "EC_prime256v1"},
        "canary": False,
    }
)
MADE = {
    "create_certificate_authority",
    "install_ca_certificate",
    "issue_verification_certificate",
    "register_ca_certificate",
    "create_thing_type",
    "create_device_policy",
    "create_provisioning_role",
    "attach_provisioning_template",
}
RUNBOOK = [
    "check_caller",
    "create_certificate_authority",
    "install_ca_certificate",
    "get_registration_code",
    "issue_verification_certificate",
    "register_ca_certificate",
    "create_thing_type",
    "create_device_policy",
    "create_provisioning_role",
    "attach_provisioning_template",
    "verify_registration",
    "describe_endpoint",
]
READING = ("Describe", "Get", "List")


@pytest.fixture(scope="module")
def runs(desk: Path, run_bootstrap: Callable[[BootstrapRequest], Any]) -> Runs:
    """Four runs of one request: on nothing, again, without Prefect's results, with refresh."""
    first, again = run_bootstrap(REQUEST), run_bootstrap(REQUEST)
    refreshed = run_bootstrap(REQUEST.model_copy(update={"refresh": True}))
    shutil.rmtree(desk / "state" / "results")
    wiped = run_bootstrap(REQUEST)
    return {"first": first, "again": again, "refreshed": refreshed, "wiped": wiped}


@pytest.fixture(scope="module")
def facts(runs: Runs) -> dict[str, Any]:
    """The first run's report as the JSON that a script reads."""
    document: dict[str, Any] = json.loads(runs["first"].report.model_dump_json())
    return document


def test_the_runbook_is_followed_in_order(runs: Runs) -> None:
    """Twelve steps: eight make something, four only look."""
    outcomes = runs["first"].outcomes
    assert list(outcomes) == RUNBOOK
    assert {name for name, outcome in outcomes.items() if outcome == "created"} == MADE
    assert {outcomes[name] for name in outcomes if name not in MADE} == {"found"}


@pytest.mark.parametrize(
    ("which", "outcome"),
    [
        pytest.param("again", "cached", id="Prefect's results are there"),
        pytest.param("wiped", "found", id="Prefect's results are gone"),
        pytest.param("refreshed", "found", id="refresh looks at AWS"),
    ],
)
def test_a_later_run_makes_nothing(runs: Runs, which: str, outcome: str) -> None:
    """Only calls that read reach AWS, and the report says how each resource was known."""
    ran = runs[which]
    assert {ran.outcomes[name] for name in MADE} == {outcome}
    changing = [name for name in ran.calls if not name.split(".")[1].startswith(READING)]
    assert changing == []


@pytest.mark.parametrize("which", ["again", "wiped", "refreshed"])
def test_every_run_reports_the_same_facts(runs: Runs, facts: dict[str, Any], which: str) -> None:
    """How the facts came about differs between runs, the facts do not."""
    later = json.loads(runs[which].report.model_dump_json())
    for report in (later, dict(facts)):
        assert {"steps", "seconds"} <= report.keys()
    own = {"steps", "seconds"}
    assert {k: v for k, v in later.items() if k not in own} == {
        k: v for k, v in facts.items() if k not in own
    }


def test_the_report_names_what_exists(facts: dict[str, Any], sandbox: Sandbox) -> None:
    """Its ARNs are those of AWS, and the registration is known by the certificate's fingerprint."""
    certificate = x509.load_pem_x509_certificate(facts["authority_certificate_pem"].encode())
    fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    aws = AwsAccess("eu-west-1")
    registered = aws.call("iot", "DescribeCACertificate", certificateId=fingerprint)
    described = registered["certificateDescription"]
    assert facts["registration"] == {
        "certificate_id": fingerprint,
        "certificate_arn": described["certificateArn"],
    }
    assert (described["status"], described["autoRegistrationStatus"]) == ("ACTIVE", "ENABLE")
    assert registered["registrationConfig"] == {
        "templateBody": facts["template_body"],
        "roleArn": facts["role_arn"],
    }
    assert (
        aws.call("iot", "DescribeEndpoint", endpointType="iot:Data-ATS")["endpointAddress"]
        == facts["endpoint"]
    )
    assert facts["policy_name"] == "acme-device"
    assert facts["thing_type"] == "UnifiedAgent"


def test_the_ledger_knows_the_ca(runs: Runs, facts: dict[str, Any], desk: Path) -> None:
    """The CA with its certificate, and its registration with AWS IoT, once for all runs."""
    with Ledger.open(None, desk / "state") as ledger:
        (known,) = ledger.authorities(tenant="acme")
    assert (known.arn, known.certificate_pem) == (
        facts["authority_arn"],
        facts["authority_certificate_pem"],
    )
    assert [each.certificate_arn for each in known.registrations] == [
        facts["registration"]["certificate_arn"]
    ]


def test_the_verification_certificate_carries_the_code(facts: dict[str, Any]) -> None:
    """It is the one that the report names, for a day, and no CA [22]."""
    aws = AwsAccess("eu-west-1")
    answer = aws.call(
        "acm-pca",
        "GetCertificate",
        CertificateAuthorityArn=facts["authority_arn"],
        CertificateArn=facts["verification_certificate_arn"],
    )
    certificate = x509.load_pem_x509_certificate(answer["Certificate"].encode())
    code = aws.call("iot", "GetRegistrationCode")["registrationCode"]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert certificate.subject.rfc4514_string() == f"CN={code}"
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 1
    assert not constraints.value.ca


def test_every_step_that_makes_names_its_arn(runs: Runs) -> None:
    """The report's lines lead to the resources."""
    for step in runs["first"].report.steps:
        if step.name in MADE:
            assert step.arn.startswith("arn:aws:"), step.name
        assert step.seconds >= 0


def test_tags_name_owner_tenant_and_place(facts: dict[str, Any]) -> None:
    """The user's tags and the two by which a later run finds the CA, on CA and registration."""
    aws = AwsAccess("eu-west-1")
    expected = {
        "OWNER": "ajk",
        "birthcert:tenant": "acme",
        "birthcert:place": f"aws:{facts['account']}:eu-west-1",
    }
    authority = aws.pages(
        "acm-pca", "ListTags", "Tags", CertificateAuthorityArn=facts["authority_arn"]
    )
    registered = aws.pages(
        "iot",
        "ListTagsForResource",
        "tags",
        resourceArn=facts["registration"]["certificate_arn"],
    )
    assert {tag["Key"]: tag["Value"] for tag in authority} == expected
    assert expected.items() <= {tag["Key"]: tag["Value"] for tag in registered}.items()


def test_the_artifact_has_the_facts(
    runs: Runs, facts: dict[str, Any], page: Callable[..., Any]
) -> None:
    """Prefect's UI shows a page with what the JSON says, and that it is the sandbox."""
    artifact = page("bootstrap")
    assert artifact is not None
    page = str(artifact.data)
    for name in ("authority_arn", "role_arn", "policy_arn", "endpoint", "template_body"):
        assert facts[name] in page, name
    assert facts["authority_certificate_pem"].strip() in page
    assert "not AWS" in page
    assert all(f"\n{name}  " in page for name in RUNBOOK)


def test_no_private_key_is_kept(runs: Runs, desk: Path) -> None:
    """Neither the state folder nor Prefect's database holds one."""
    from prefect import settings

    url = str(settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    database = Path(url.partition("///")[2]).parent
    kept = [path for folder in (desk, database) for path in folder.rglob("*") if path.is_file()]
    contents = {path: path.read_bytes() for path in kept}
    assert any(b"BEGIN CERTIFICATE" in content for content in contents.values())
    assert [path for path, content in contents.items() if b"PRIVATE KEY" in content] == []
