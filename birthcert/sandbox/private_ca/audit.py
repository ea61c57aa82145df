"""Audit reports: every use of a CA's key, as JSON or CSV in an S3 bucket [14]."""

import csv
import io
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from cryptography import x509

from birthcert.pki.templates import template_arn
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca.arns import authority_id, certificate_arn
from birthcert.sandbox.private_ca.authority import Authority
from birthcert.sandbox.private_ca.certificates import IssuedCertificate, colons

_COLUMNS: Final = (
    "awsAccountId",
    "requestedByServicePrincipal",
    "certificateArn",
    "serial",
    "subject",
    "notBefore",
    "notAfter",
    "issuedAt",
    "revokedAt",
    "revocationReason",
    "templateArn",
)


class ObjectStore(Protocol):
    """The S3 of one account, as far as Private CA writes to it."""

    def exists(self, bucket: str) -> bool:
        """Whether the bucket is there and may be written."""
        ...

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        ...


@dataclass(frozen=True)
class Report:
    """A report; `created_at` and `ready_at` are seconds since the epoch."""

    authority_arn: str
    bucket: str
    key: str
    created_at: float
    ready_at: float


def report_key(authority: Authority, report_id: str, form: str) -> str:
    """Where a report lies in its bucket: `audit-report/CA_ID/UUID.json` (or csv)."""
    return f"audit-report/{authority_id(authority.arn)}/{report_id}.{form.lower()}"


def new_report_id() -> str:
    """A report's id."""
    return str(uuid.uuid4())


def check_interval(authority: Authority, now: float, interval_seconds: float) -> None:
    """One report in `interval_seconds`; which error AWS gives for a second one is [inf]."""
    last = authority.last_report_at
    if last is not None and now - last < interval_seconds:
        raise AwsError(
            "RequestFailedException",
            f"An audit report can be made once every {interval_seconds / 60:g} minutes.",
        )


def rows(authority: Authority, issued: dict[int, IssuedCertificate]) -> list[dict[str, str]]:
    """The report's rows, in the order of issuance."""
    partition = authority.arn.split(":")[1]
    return [
        _row(authority, serial, each, template_arn(each.template, partition))
        for serial, each in issued.items()
    ]


def encoded(found: list[dict[str, str]], form: str) -> bytes:
    """The rows as a JSON list or as CSV with a header."""
    if form == "JSON":
        return json.dumps(found, indent=2).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def answer(report: Report, now: float) -> dict[str, Any]:
    """The answer of DescribeCertificateAuthorityAuditReport."""
    return {
        "AuditReportStatus": "SUCCESS" if now >= report.ready_at else "CREATING",
        "S3BucketName": report.bucket,
        "S3Key": report.key,
        "CreatedAt": report.created_at,
    }


def _row(
    authority: Authority, serial: int, issued: IssuedCertificate, template: str
) -> dict[str, str]:
    certificate = x509.load_der_x509_certificate(issued.der)
    row = {
        "awsAccountId": authority.owner,
        "certificateArn": certificate_arn(authority.arn, serial),
        "serial": colons(serial),
        "subject": certificate.subject.rfc4514_string(),
        "notBefore": _moment(certificate.not_valid_before_utc),
        "notAfter": _moment(certificate.not_valid_after_utc),
        "issuedAt": _moment(datetime.fromtimestamp(issued.issued_at, UTC)),
        "templateArn": template,
    }
    if issued.revoked_at is not None:
        row["revokedAt"] = _moment(datetime.fromtimestamp(issued.revoked_at, UTC))
        row["revocationReason"] = issued.revocation_reason
    return row


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")
