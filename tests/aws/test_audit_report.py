"""Private CA's audit report on the sandbox: asked for, read, and what if there can be none [14]."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.audit_report import audited_authority, downloaded, make_audit_report
from birthcert.aws.authority import ensure_certificate_authority, install_root_certificate
from birthcert.errors import AwsCallFailed, ConfigurationError
from birthcert.models import BootstrapRequest, CertificateAuthority, Place, ReconcileRequest
from birthcert.reconciliation.audit_rows import read_rows
from birthcert.sandbox.server import Sandbox

REGION = "eu-west-1"


@pytest.fixture
def authority(aws: AwsAccess, place: Place) -> CertificateAuthority:
    """An ACTIVE root CA of the tenant acme."""
    request = BootstrapRequest.model_validate(
        {"tenant": "acme", "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
    )
    made = ensure_certificate_authority(aws, request, place)
    return install_root_certificate(aws, made, validity_days=30, place=place)


@pytest.fixture
def bucket(aws: AwsAccess, account: str) -> str:
    """An empty bucket."""
    name = f"reports-{account}"
    location = {"LocationConstraint": REGION}
    aws.call("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=location)
    return name


@pytest.fixture
def impatient(sandbox: Sandbox) -> Iterator[None]:
    """A sandbox that makes a report at each call."""
    sandbox.state.knobs.update({"audit_report_interval_seconds": 0})
    yield
    sandbox.state.knobs.reset()


def listed(aws: AwsAccess, authority: CertificateAuthority, bucket: str) -> list[str]:
    """The subjects of a report made now."""
    report = make_audit_report(aws, authority.arn, bucket)
    with downloaded(aws, report) as file:
        return [row.subject for row in read_rows(file, authority.arn)]


def test_the_report_lists_what_was_issued(
    aws: AwsAccess, authority: CertificateAuthority, bucket: str
) -> None:
    """A new CA has issued its own certificate."""
    assert listed(aws, authority, bucket) == ["CN=acme device CA"]


def test_the_report_is_as_old_as_the_question(
    aws: AwsAccess, authority: CertificateAuthority, bucket: str
) -> None:
    """Nothing that was issued before `as_of`, by this machine's clock, can be missing."""
    asked_at = datetime.now(UTC) - timedelta(hours=1)
    report = make_audit_report(aws, authority.arn, bucket, clock=lambda: asked_at)
    assert (report.as_of, report.outcome) == (asked_at, "created")


def test_within_thirty_minutes_the_last_report_is_taken(
    aws: AwsAccess, authority: CertificateAuthority, bucket: str
) -> None:
    """A refusal falls back on the newest one in the bucket, with its own moment."""
    first = make_audit_report(aws, authority.arn, bucket)
    second = make_audit_report(aws, authority.arn, bucket)
    assert (second.key, second.outcome) == (first.key, "found")
    assert abs(second.as_of - first.as_of) < timedelta(seconds=5)


@pytest.mark.usefixtures("impatient")
def test_a_later_report_is_another(
    aws: AwsAccess, authority: CertificateAuthority, bucket: str
) -> None:
    """Where AWS makes one, the old one is not looked at."""
    first = make_audit_report(aws, authority.arn, bucket)
    assert make_audit_report(aws, authority.arn, bucket).key != first.key


def test_a_refusal_without_a_report_says_why(
    aws: AwsAccess, authority: CertificateAuthority, bucket: str, account: str
) -> None:
    """The last report lies elsewhere: the error tells of the thirty minutes."""
    make_audit_report(aws, authority.arn, bucket)
    other = f"other-{account}"
    location = {"LocationConstraint": REGION}
    aws.call("s3", "CreateBucket", Bucket=other, CreateBucketConfiguration=location)
    with pytest.raises(AwsCallFailed, match="one report in 30 minutes: name the bucket"):
        make_audit_report(aws, authority.arn, other)


def test_a_missing_bucket_is_told_with_the_remedy(
    aws: AwsAccess, authority: CertificateAuthority
) -> None:
    """The bucket is the user's to make."""
    with pytest.raises(AwsCallFailed, match=r"nowhere does not exist.*docs/reconcile\.md"):
        make_audit_report(aws, authority.arn, "nowhere")


def test_a_disabled_authority_is_audited(
    aws: AwsAccess, authority: CertificateAuthority, place: Place, bucket: str
) -> None:
    """What it issued while it was active is still there."""
    aws.call(
        "acm-pca",
        "UpdateCertificateAuthority",
        CertificateAuthorityArn=authority.arn,
        Status="DISABLED",
    )
    request = ReconcileRequest(tenant="acme", bucket=bucket)
    found = audited_authority(aws, request, place)
    assert (found.arn, found.status) == (authority.arn, "DISABLED")
    assert found.certificate_pem == authority.certificate_pem
    assert len(listed(aws, found, bucket)) == 1


def test_a_tenant_without_authority_is_told(aws: AwsAccess, place: Place) -> None:
    """There is nothing to compare before bootstrap."""
    with pytest.raises(ConfigurationError, match="birthcert bootstrap --tenant nobody"):
        audited_authority(aws, ReconcileRequest(tenant="nobody", bucket="reports"), place)
