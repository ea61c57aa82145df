"""Audit reports: the only way back to an ARN that was lost [rule 14]."""

import csv
import io
import json

import pytest


def asked(arn, **changes):
    """Parameters of CreateCertificateAuthorityAuditReport."""
    return {
        "CertificateAuthorityArn": arn,
        "S3BucketName": "reports",
        "AuditReportResponseFormat": "JSON",
        **changes,
    }


@pytest.mark.parametrize("form", ["JSON", "CSV"])
def test_report_holds_every_certificate(bench, root, form):
    """Both forms have a row a certificate, with ARN, template and revocation."""
    arn = bench.issue(root, bench.csr("device-3"), "EndEntityClientAuthCertificate")
    bench.now += 2
    bench.call(
        "RevokeCertificate",
        CertificateAuthorityArn=root,
        CertificateSerial=arn.rpartition("/")[2],
        RevocationReason="SUPERSEDED",
    )
    made = bench.call(
        "CreateCertificateAuthorityAuditReport", **asked(root, AuditReportResponseFormat=form)
    )
    body = bench.buckets.objects["reports", made["S3Key"]].decode()
    rows = json.loads(body) if form == "JSON" else list(csv.DictReader(io.StringIO(body)))
    assert made["S3Key"] == (
        f"audit-report/{root.rpartition('/')[2]}/{made['AuditReportId']}.{form.lower()}"
    )
    assert len(rows) == 2
    assert {key: rows[1][key] for key in rows[1] if rows[1][key]} == {
        "awsAccountId": "123456789012",
        "certificateArn": arn,
        "serial": bytes.fromhex(arn.rpartition("/")[2]).hex(":"),
        "subject": "CN=device-3",
        "notBefore": "2030-01-31T11:00:12+0000",
        "notAfter": "2030-03-02T12:00:12+0000",
        "issuedAt": "2030-01-31T12:00:12+0000",
        "revokedAt": "2030-01-31T12:00:14+0000",
        "revocationReason": "SUPERSEDED",
        "templateArn": "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1",
    }


def test_report_takes_its_time(bench, root):
    """Describe says CREATING, then SUCCESS."""
    made = bench.call("CreateCertificateAuthorityAuditReport", **asked(root))
    params = {"CertificateAuthorityArn": root, "AuditReportId": made["AuditReportId"]}
    states = []
    for _ in range(2):
        answer = bench.call("DescribeCertificateAuthorityAuditReport", **params)
        states.append(answer["AuditReportStatus"])
        bench.now += 1
    assert states == ["CREATING", "SUCCESS"]
    assert answer["S3Key"] == made["S3Key"]


def test_one_report_in_thirty_minutes(bench, root):
    """A second report is refused until thirty minutes are over."""
    bench.call("CreateCertificateAuthorityAuditReport", **asked(root))
    bench.now += 1799
    refusal = bench.refusal("CreateCertificateAuthorityAuditReport", **asked(root))
    assert refusal.code == "RequestFailedException"
    bench.now += 1
    made = bench.call("CreateCertificateAuthorityAuditReport", **asked(root))
    assert ("reports", made["S3Key"]) in bench.buckets.objects


def test_bucket_must_exist(bench, root):
    """A bucket that is not there is ResourceNotFoundException, and costs no report."""
    params = asked(root, S3BucketName="nowhere")
    refusal = bench.refusal("CreateCertificateAuthorityAuditReport", **params)
    assert refusal.code == "ResourceNotFoundException"
    assert "S3Key" in bench.call("CreateCertificateAuthorityAuditReport", **asked(root))


def test_unknown_report(bench, root):
    """A report that was never asked for is ResourceNotFoundException."""
    refusal = bench.refusal(
        "DescribeCertificateAuthorityAuditReport", CertificateAuthorityArn=root, AuditReportId="x"
    )
    assert refusal.code == "ResourceNotFoundException"
