"""The calls that issue, fetch, revoke and report certificates [6, 13, 14, 17]."""

from typing import Final

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca import arns, audit
from birthcert.sandbox.private_ca.authority import CREATED, INSTALLED, Authority
from birthcert.sandbox.private_ca.book import Book, Params
from birthcert.sandbox.private_ca.certificates import IssuedCertificate, revoke
from birthcert.sandbox.private_ca.issuing import Signed, issue

_ISSUE: Final = "IssueCertificate"
_ARN: Final = "CertificateAuthorityArn"


def issue_certificate(book: Book, params: Params) -> Params:
    """IssueCertificate. Signing holds no lock; a token's second thread gets the first's ARN."""
    authority, token = book.authority(params[_ARN]), params.get("IdempotencyToken")
    if made := book.recall(_ISSUE, authority.arn, token):
        return {"CertificateArn": made}
    now = book.now()
    signed = issue(authority, params, now=now, partition=book.partition, region=book.region)
    with book.lock:
        if made := book.recall(_ISSUE, authority.arn, token):
            return {"CertificateArn": made}
        authority.certificates[signed.serial_number] = _kept(book, signed, now)
        arn = arns.certificate_arn(authority.arn, signed.serial_number)
        book.remember(_ISSUE, authority.arn, token, arn)
    return {"CertificateArn": arn}


def _kept(book: Book, signed: Signed, now: float) -> IssuedCertificate:
    return IssuedCertificate(
        der=signed.der,
        chain_pem=signed.chain_pem,
        template=signed.template,
        issued_at=now,
        ready_at=now + book.issuance_seconds(),
        polls_left=book.state.knobs.now.request_in_progress_polls,
    )


def get_certificate(book: Book, params: Params) -> Params:
    """GetCertificate: RequestInProgressException until it is ready; also when revoked."""
    authority = book.authority(params[_ARN])
    authority.require(book.now(), *CREATED)
    arn = params["CertificateArn"]
    issued = authority.certificates.get(arns.serial_of_certificate(arn, authority.arn))
    if issued is None:
        raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")
    return {**issued.fetch(book.now())}


def revoke_certificate(book: Book, params: Params) -> Params:
    """RevokeCertificate, by a serial number in hex."""
    authority, now = book.authority(params[_ARN]), book.now()
    authority.require(now, *INSTALLED)
    serial, reason = params["CertificateSerial"], params["RevocationReason"]
    revoke(authority.certificates, serial, reason, now)
    return {}


def create_report(book: Book, params: Params) -> Params:
    """CreateCertificateAuthorityAuditReport: one in 30 minutes, into a bucket that exists."""
    authority, now, knobs = book.authority(params[_ARN]), book.now(), book.state.knobs.now
    authority.require(now, *CREATED)
    bucket, form = params["S3BucketName"], params["AuditReportResponseFormat"]
    if not book.store.exists(bucket):
        raise AwsError("ResourceNotFoundException", f"The bucket {bucket} does not exist.")
    report_id = audit.new_report_id()
    key = audit.report_key(authority, report_id, form)
    with book.lock:
        audit.check_interval(authority, now, knobs.audit_report_interval_seconds)
        authority.last_report_at = now
        issued = dict(authority.certificates)
    book.store.put(bucket, key, audit.encoded(audit.rows(authority, issued), form))
    book.reports[report_id] = audit.Report(
        authority.arn, bucket, key, now, now + knobs.audit_report_seconds
    )
    return {"AuditReportId": report_id, "S3Key": key}


def describe_report(book: Book, params: Params) -> Params:
    """DescribeCertificateAuthorityAuditReport."""
    authority: Authority = book.authority(params[_ARN])
    report = book.reports.get(params["AuditReportId"])
    if report is None or report.authority_arn != authority.arn:
        raise AwsError("ResourceNotFoundException", "Could not find the audit report.")
    return audit.answer(report, book.now())
