"""A batch whose manifest and output are in S3."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import issuing_authority
from birthcert.aws.bucket import Bucket
from birthcert.aws.caller import check_caller
from birthcert.errors import ConfigurationError
from birthcert.models import BootstrapRequest, IssueRequest, ReconcileRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.plan import TooExpensive
from birthcert.sandbox.server import Sandbox

DEVICES = ("unit-0", "unit-1", "unit-2")
OUT = "s3://fleets/out/first"
REQUEST = IssueRequest(tenant="acme", manifest="s3://fleets/acme/manifest.csv", out=OUT)


@pytest.fixture(scope="module")
def store(desk: Path, run_bootstrap: Callable[..., Any]) -> Bucket:
    """A bucket with a manifest of three devices; the tenant is bootstrapped."""
    key = {"key_algorithm": "EC_prime256v1"}
    facts = {"tenant": "acme", "certificate_authority": key, "canary": False}
    run_bootstrap(BootstrapRequest.model_validate(facts))
    bucket = Bucket(AwsAccess("eu-west-1", retry_seconds=3), "fleets")
    region = {"LocationConstraint": "eu-west-1"}
    bucket.aws.call("s3", "CreateBucket", Bucket="fleets", CreateBucketConfiguration=region)
    for name in DEVICES:
        csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
        bucket.put(f"acme/{name}.csr", csr)
    rows = "".join(f"{name},{name}.csr\n" for name in DEVICES)
    bucket.put("acme/manifest.csv", f"device_id,csr\n{rows}".encode())
    return bucket


def text(bucket: Bucket, key: str) -> str:
    """What an object holds."""
    piece = bucket.read(key)
    assert piece is not None
    return piece.data.decode()


def test_a_batch_from_s3_into_s3(store: Bucket, run_issue: Callable[..., Any]) -> None:
    """Certificates, chains and the report are objects; a later run finds them and buys nothing."""
    first = run_issue(REQUEST)
    assert (first.report.issued, first.report.report) == (3, f"{OUT}/report.csv")
    rows = list(csv.DictReader(text(store, "out/first/report.csv").splitlines()))
    assert [row["certificate"] for row in rows] == [f"{OUT}/{d}/certificate.pem" for d in DEVICES]
    assert text(store, "out/first/unit-0/chain.pem").count("BEGIN CERTIFICATE") == 2
    again = run_issue(REQUEST)
    assert again.report.existing == 3
    assert "acm-pca.IssueCertificate" not in again.calls
    assert "acm-pca.GetCertificate" not in again.calls


def test_an_output_that_cannot_be_written_ends_the_run_first(
    store: Bucket, desk: Path, sandbox: Sandbox
) -> None:
    """Before anything is looked up but who runs it."""
    from flows.issue import issue

    refused = {"effect": "error", "code": "AccessDenied", "status": 403}
    sandbox.state.knobs.update({"calls": [{"action": "s3.CreateMultipartUpload", **refused}]})
    sandbox.reset_calls()
    with pytest.raises(ConfigurationError, match=f"the output {OUT} cannot be written"):
        issue(REQUEST)
    assert set(sandbox.calls()) == {"sts.GetCallerIdentity", "s3.CreateMultipartUpload"}
    sandbox.state.knobs.update({"calls": []})


def test_a_batch_over_its_cap_leaves_nothing(store: Bucket, desk: Path) -> None:
    """Neither an object nor parts of one."""
    from flows.issue import issue

    csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name="dear"))
    store.put("acme/dear.csr", csr)
    store.put("acme/dear.csv", b"device_id,csr\ndear,dear.csr\n")
    asked = {"manifest": "s3://fleets/acme/dear.csv", "out": "s3://fleets/out/dear"}
    with pytest.raises(TooExpensive):
        issue(REQUEST.model_copy(update={**asked, "max_cost_usd": 0.01}))
    assert list(store.entries("out/dear/")) == []
    assert not store.aws.call("s3", "ListMultipartUploads", Bucket="fleets").get("Uploads")


def test_objects_that_are_lost_are_written_again(
    store: Bucket, run_issue: Callable[..., Any]
) -> None:
    """A run fetches what is not there or is another's; it does not buy it."""
    run_issue(REQUEST)
    store.delete("out/first/unit-1/chain.pem")
    store.put("out/first/unit-2/certificate.pem", b"cut sh")
    again = run_issue(REQUEST)
    assert again.report.existing == 3
    assert again.calls["acm-pca.GetCertificate"]["ok"] >= 2
    assert "acm-pca.IssueCertificate" not in again.calls
    assert "BEGIN CERTIFICATE" in text(store, "out/first/unit-1/chain.pem")


def test_reconcile_repairs_an_output_in_s3(store: Bucket, run_issue: Callable[..., Any]) -> None:
    """Its repair finds the objects that are not there, and writes them again."""
    from tasks.reconcile import repair_outputs

    run_issue(REQUEST)
    store.delete("out/first/unit-1/certificate.pem")
    request = ReconcileRequest(tenant="acme", bucket="fleets")
    place = check_caller(store.aws, request).place
    repaired = repair_outputs.fn(request, place, issuing_authority(store.aws, request, place))
    assert [each.reason for each in repaired] == [f"{OUT}/unit-1/certificate.pem"]
    assert "BEGIN CERTIFICATE" in text(store, "out/first/unit-1/certificate.pem")
