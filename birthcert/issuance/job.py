"""One device on its way through the engine, and how its ledger row decides where it starts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from birthcert import limits
from birthcert.issuance.devices import Device, DeviceOutcome, DeviceResult
from birthcert.ledger.records import Delivery, Intent, Known, Record

# A request is repeated only this long after the first: the rest of the token's life is for a call
# that travels slowly [6].
REPEATABLE: Final = timedelta(seconds=limits.IDEMPOTENCY_TOKEN_SECONDS - 60)


@dataclass
class Job:
    """A device and its ledger row; `arn` once AWS has answered."""

    device: Device
    record: Record
    arn: str | None
    requested_at: datetime | None = None
    asked_first: float | None = None
    asked_at: float = 0.0

    @property
    def bought_before(self) -> bool:
        """Whether an earlier run wrote down the ARN."""
        return self.record.certificate_arn is not None

    @property
    def surely_unasked(self) -> bool:
        """Whether no earlier run may have asked AWS for it."""
        return self.record.state != "requested"

    def outcome(self, result: DeviceResult, *, reason: str = "") -> DeviceOutcome:
        """What became of the device without a certificate in its place."""
        return DeviceOutcome(
            device_id=self.device.device_id,
            row=self.device.row,
            outcome=result,
            certificate_arn=self.arn or "",
            reason=reason,
        )


@dataclass(frozen=True)
class Delivered:
    """A certificate whose files are written, with what the ledger and the report say of it."""

    delivery: Delivery
    path: str


@dataclass(frozen=True)
class IssueOptions:
    """How to issue: `template` is `Name/V1`; validity is cut to the CA's own end [8].

    After `ready_timeout_seconds` a certificate that AWS has not finished fails.
    """

    template: str = "EndEntityClientAuthCertificate/V1"
    validity_days: int = 3_640
    ready_timeout_seconds: float = 300.0


def intent_of(device: Device, options: IssueOptions) -> Intent:
    """What the ledger is told of a device before AWS is asked."""
    return Intent(
        device_id=device.device_id,
        csr_sha256=device.csr.sha256,
        public_key_sha256=device.csr.public_key_sha256,
        template=template_for(options.template, subject_given=device.subject is not None),
    )


def doubt(record: Record, now: datetime) -> str | None:
    """Why a requested row must not be bought again, or None where it may be [6].

    Inside the token's life AWS answers a repeated request with the same certificate.
    """
    if record.state != "requested" or record.requested_at is None:
        return None
    if now - record.requested_at < REPEATABLE:
        return None
    return (
        f"may have been bought already at {record.requested_at:%Y-%m-%d %H:%M:%S} UTC: "
        "run `birthcert reconcile`"
    )


def existing_outcome(job: Job, path: str) -> DeviceOutcome:
    """A device whose certificate an earlier run delivered and whose files are there."""
    end = job.record.not_after
    return DeviceOutcome(
        device_id=job.device.device_id,
        row=job.device.row,
        outcome="existing",
        serial_number=job.record.serial_number or "",
        certificate_arn=job.arn or "",
        not_after=end.isoformat() if end else "",
        certificate=path,
    )


def delivered_outcome(job: Job, delivered: Delivered) -> DeviceOutcome:
    """A device whose files this run wrote."""
    return DeviceOutcome(
        device_id=job.device.device_id,
        row=job.device.row,
        outcome="existing" if job.bought_before else "issued",
        serial_number=delivered.delivery.serial_number,
        certificate_arn=job.arn or "",
        not_after=delivered.delivery.not_after.isoformat(),
        certificate=delivered.path,
    )


def found_outcome(device: Device, known: Known, path: str) -> DeviceOutcome:
    """A device that the ledger knew as delivered when the manifest was read."""
    return DeviceOutcome(
        device_id=device.device_id,
        row=device.row,
        outcome="existing",
        serial_number=known.serial_number,
        certificate_arn=known.certificate_arn,
        not_after=known.not_after,
        certificate=path,
    )


def template_for(template: str, *, subject_given: bool) -> str:
    """The APIPassthrough variant where the manifest gives the subject [7]."""
    return f"{template.removesuffix('/V1')}_APIPassthrough/V1" if subject_given else template
