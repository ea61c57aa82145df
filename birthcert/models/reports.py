"""What the flows return and the command line prints as JSON."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from birthcert.models.base import Facts, Partition, RegistrationMode
from birthcert.models.places import PlaceReport
from birthcert.models.resources import Resource, Step

DiscrepancyKind = Literal[
    "adopted", "released", "uncertain", "foreign", "duplicate", "denied", "repaired"
]


class Finding(Facts):
    """Something that keeps a device from working; not definite: it may pass or be guessed."""

    what: str
    remedy: str = ""
    is_definite: bool = True

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


class CanaryCheck(Facts):
    """One thing that was proved, or was not, and how long that took."""

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    detail: str = ""
    seconds: float = 0.0


class CanaryReport(Resource):
    """The JSON of `birthcert canary --json`; `arn` is that of the canary's certificate."""

    tenant: str
    account: str
    region: str
    thing_name: str
    certificate_id: str
    endpoint: str
    attempts: int
    checks: list[CanaryCheck]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.outcome != "failed" for check in self.checks)


class BootstrapReport(Facts):
    """The JSON of `birthcert bootstrap --json`."""

    tenant: str
    account: str
    region: str
    partition: Partition
    sandbox: str | None = None
    authority_arn: str
    authority_certificate_pem: str
    authority_not_after: str
    registration: dict[str, str]
    registration_mode: RegistrationMode = "DEFAULT"
    verification_certificate_arn: str
    role_arn: str
    policy_name: str
    policy_arn: str
    thing_type: str
    template_body: str
    endpoint: str
    steps: list[Step]
    seconds: float
    root_authority_arn: str = ""
    canary: CanaryReport | None = None
    places: list[PlaceReport] = Field(default=[])

    def exit_code(self) -> int:
        """3 where a further place is not ready: its entry says why."""
        return 0 if all(place.ready for place in self.places) else 3


class QuotaUse(Facts):
    """How much of one of AWS's call quotas a batch used, all its tries counted.

    `limit_per_second` is what the batch might use: Service Quotas' figure, AWS's default or the
    request's, times the share; `use` is the part of it used over the batch's time. A `factor`
    below 1 says that AWS throttles, and how far all who share the quota have slowed down.
    """

    action: str
    calls: int
    limit_per_second: float
    source: Literal["service-quotas", "default", "request"]
    use: float
    factor: float = 1.0


class IssueReport(Facts):
    """The JSON of `birthcert issue --json`; counts are devices.

    `rate_limit_per_second` is how many certificates a second the batch might ask for, None where
    nothing limits it; `quota_use` tells of each quota that limits a call of the batch, and
    `throttled` how often AWS throttled one, its shards' included.
    """

    tenant: str
    account: str
    region: str
    authority_arn: str
    requested: int
    issued: int
    existing: int
    refused: int
    failed: int
    seconds: float
    certificates_per_second: float
    throttled: int
    report: str
    out: str
    rate_limit_per_second: float | None = None
    quota_use: tuple[QuotaUse, ...] = ()

    def exit_code(self) -> int:
        """0 all have certificates; 3 some have not, the report says why; 1 AWS failed for all."""
        if self.failed and not self.issued + self.existing:
            return 1
        return 3 if self.refused or self.failed else 0


class SubmissionReport(Facts):
    """What became of one manifest, or of the loose CSRs, of an inbox; `folder` has its report."""

    name: str
    verdict: Literal["done", "failed"]
    folder: str
    issued: int = 0
    existing: int = 0
    refused: int = 0
    failed: int = 0
    reason: str = ""


class InboxReport(Facts):
    """What a run found in an inbox; no submissions: there was nothing new."""

    tenant: str
    inbox: str
    submissions: list[SubmissionReport]


class AuditReport(Resource):
    """Private CA's audit report in S3; nothing issued before `as_of` is missing from it."""

    bucket: str
    key: str
    as_of: datetime


class Discrepancy(Facts):
    """One certificate or ledger row that did not agree, or whose files were not there.

    `adopted`: AWS had issued it and the ledger did not know. `released`: asked for, but surely
    not bought. `uncertain`: this audit report cannot tell. `foreign`: no device's of the ledger.
    `duplicate`: a device's second certificate. `denied`: in the ledger, but AWS knows none.
    `repaired`: the files were missing and are there again.
    """

    outcome: DiscrepancyKind
    device_id: str = ""
    certificate_arn: str = ""
    serial_number: str = ""
    subject: str = ""
    reason: str = ""


class ReconcileReport(Facts):
    """The JSON of `birthcert reconcile --json`; in a dry run, what would have been done.

    Of the `listed` certificates of the audit report, `known` are in the ledger, `own` are the
    CA's and the verification certificate, and `ended` are revoked or expired and no one's.
    """

    tenant: str
    account: str
    region: str
    sandbox: str | None = None
    authority_arn: str
    dry_run: bool
    audit_report: str
    audit_report_as_of: str
    listed: int
    known: int
    own: int
    ended: int
    adopted: int
    released: int
    uncertain: int
    foreign: int
    duplicate: int
    denied: int
    repaired: int
    discrepancies: list[Discrepancy]
    seconds: float

    def exit_code(self) -> int:
        """3 where something is left that only the user can settle, or a later report."""
        return 3 if self.foreign + self.duplicate + self.denied + self.uncertain else 0
