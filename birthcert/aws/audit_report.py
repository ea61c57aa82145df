"""Private CA's audit report: the only list of what a CA has issued [14]."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final

from botocore.exceptions import BotoCoreError

from birthcert import limits
from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import find_certificate_authority
from birthcert.aws.private_ca import SERVICE
from birthcert.aws.waiting import wait_for
from birthcert.errors import AwsCallFailed, AwsUnreachable, BirthcertError, ConfigurationError
from birthcert.models import AuditReport, CertificateAuthority, IssuerRequest, Place

log = logging.getLogger(__name__)
# what AWS answers to a second report within 30 minutes is in no document [inf]
TOO_SOON: Final = frozenset({"RequestFailedException", "RequestInProgressException"})
INTERVAL: Final = timedelta(seconds=limits.AUDIT_REPORT_INTERVAL_SECONDS)
REPORT_WAIT_SECONDS: Final = 180.0  # the waiter's 3 s x 60 [5]
BUCKET_REMEDY: Final = (
    "the bucket must exist and its policy must let Private CA write: docs/reconcile.md has one"
)
_DOWNLOAD_TRIES: Final = 3
_PIECE_BYTES: Final = 1 << 20


def audited_authority(aws: AwsAccess, request: IssuerRequest, place: Place) -> CertificateAuthority:
    """The CA to look at, in any state that it can be audited in: the one named, or the tenant's."""
    arn = request.authority_arn
    if arn is None:
        found = find_certificate_authority(aws, request.tenant, place)
        if found is None:
            raise ConfigurationError(
                f"tenant {request.tenant} has no certificate authority in {place.name}",
                remedy=f"run: birthcert bootstrap --tenant {request.tenant}",
            )
        arn = found["Arn"]
    return private_ca.installed_authority(aws, arn).found()


def make_audit_report(
    aws: AwsAccess,
    authority_arn: str,
    bucket: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AuditReport:
    """A fresh audit report of the CA in the bucket, finished; `found` where it is an earlier one.

    AWS makes one in 30 minutes: until then the newest that lies in the bucket is taken. It is CSV,
    which can be read as a stream. Raises AwsCallFailed with what to do about the bucket [14].
    """
    asked_at = clock()
    try:
        asked = aws.call(
            SERVICE,
            "CreateCertificateAuthorityAuditReport",
            CertificateAuthorityArn=authority_arn,
            S3BucketName=bucket,
            AuditReportResponseFormat="CSV",
        )
    except AwsCallFailed as refusal:
        if refusal.code not in TOO_SOON:
            raise _with_remedy(refusal, BUCKET_REMEDY) from refusal
        return _newest(aws, authority_arn, bucket, refusal, asked_at)
    description = _finished(aws, authority_arn, asked["AuditReportId"])
    log.info("audit report s3://%s/%s", bucket, description["S3Key"])
    return _report(description, not_after=asked_at)


@contextmanager
def downloaded(aws: AwsAccess, report: AuditReport) -> Iterator[IO[bytes]]:
    """The report's bytes in a temporary file, which is gone when the block ends."""
    with tempfile.TemporaryFile(prefix="birthcert-audit-") as file:
        _download(aws, report, file)
        yield file


def _newest(
    aws: AwsAccess, authority_arn: str, bucket: str, refusal: AwsCallFailed, now: datetime
) -> AuditReport:
    """The newest report in the bucket, if it can be the reason of the refusal."""
    prefix = f"audit-report/{authority_arn.rpartition('/')[2]}/"
    objects = _objects(aws, bucket, prefix)
    newest = max(objects, key=lambda each: each["LastModified"], default=None)
    if newest is None or now - newest["LastModified"] > INTERVAL:
        raise _with_remedy(
            refusal,
            "AWS makes one report in 30 minutes: name the bucket of the last one, or wait; else "
            + BUCKET_REMEDY,
        ) from refusal
    report_id = newest["Key"].removeprefix(prefix).partition(".")[0]
    description = _finished(aws, authority_arn, report_id)
    log.warning(
        "AWS makes one audit report in 30 minutes: taking that of %s UTC",
        f"{description['CreatedAt'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
    )
    return _report(description, not_after=now).found()


def _objects(aws: AwsAccess, bucket: str, prefix: str) -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = aws.call("s3", "ListObjectsV2", Bucket=bucket, Prefix=prefix, **more)
        objects += answer.get("Contents", [])
        if not answer.get("IsTruncated"):
            return objects
        more = {"ContinuationToken": answer["NextContinuationToken"]}


def _finished(aws: AwsAccess, authority_arn: str, report_id: str) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        description = aws.call(
            SERVICE,
            "DescribeCertificateAuthorityAuditReport",
            CertificateAuthorityArn=authority_arn,
            AuditReportId=report_id,
        )
        if description["AuditReportStatus"] == "FAILED":
            raise BirthcertError(
                f"Private CA could not make the audit report {report_id}", remedy=BUCKET_REMEDY
            )
        return description if description["AuditReportStatus"] == "SUCCESS" else None

    return wait_for(probe, seconds=REPORT_WAIT_SECONDS, what=f"audit report {report_id}")


def _report(description: dict[str, Any], *, not_after: datetime) -> AuditReport:
    """`not_after` is by this machine's clock, as the ledger is: the earlier one is safe."""
    bucket, key = description["S3BucketName"], description["S3Key"]
    created: datetime = description["CreatedAt"].astimezone(UTC)
    return AuditReport(
        arn=f"s3://{bucket}/{key}", bucket=bucket, key=key, as_of=min(created, not_after)
    )


def _download(aws: AwsAccess, report: AuditReport, file: IO[bytes]) -> None:
    for attempt in range(1, _DOWNLOAD_TRIES + 1):
        body = aws.call("s3", "GetObject", Bucket=report.bucket, Key=report.key)["Body"]
        file.seek(0)
        file.truncate()
        try:
            for piece in body.iter_chunks(_PIECE_BYTES):
                file.write(piece)
        except BotoCoreError as error:
            if attempt == _DOWNLOAD_TRIES:
                raise AwsUnreachable(
                    f"{report.arn} could not be read to its end: {error}",
                    remedy="run the same command again",
                ) from error
            log.warning("reading %s again: %s", report.arn, error)
        else:
            file.seek(0)
            return


def _with_remedy(failure: AwsCallFailed, remedy: str) -> AwsCallFailed:
    return AwsCallFailed(
        service=failure.service,
        action=failure.action,
        code=failure.code,
        message=failure.message,
        request_id=failure.request_id,
        status=failure.status,
        remedy=failure.remedy or remedy,
    )
