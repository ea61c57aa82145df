"""What the engine's threads do: one call to AWS each, and what must follow it at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from birthcert.errors import BirthcertError
from birthcert.issuance.authority import IssuingAuthority
from birthcert.issuance.devices import Device
from birthcert.issuance.job import REPEATABLE, Delivered, IssueOptions, Job
from birthcert.issuance.received import examine
from birthcert.ledger.records import Delivery
from birthcert.pki.certificates import serial_hex
from birthcert.pki.validity import Validity

# Writes a device's files: (device, certificate PEM, chain PEM) -> path of the certificate.
Deliver = Callable[[Device, str, str], str]


class RequestTooLate(BirthcertError):
    """The process slept so long after writing its intent that the token may be forgotten [6]."""


@dataclass(frozen=True)
class Calls:
    """The two calls of a device's way, each a function of its job; safe for many threads."""

    authority: IssuingAuthority
    options: IssueOptions
    deliver: Deliver
    clock: Callable[[], datetime]

    def issue(self, job: Job, validity: Validity) -> str:
        """Ask for the certificate; returns its ARN."""
        late = job.requested_at is not None and self.clock() - job.requested_at > REPEATABLE
        if late:
            raise RequestTooLate(
                f"{job.device.device_id} was not asked for in time", remedy="run the command again"
            )
        return self.authority.issue(
            job.device.csr.pem,
            template=job.record.template,
            validity=dict(validity),
            token=job.record.token,
            subject=job.device.subject,
        )

    def fetch(self, job: Job) -> Delivered | None:
        """Ask for the issued certificate, check it and write its files; None: not ready yet."""
        assert job.arn is not None
        job.asked_at = time.monotonic()
        got = self.authority.get(job.arn)
        if got is None:
            return None
        certificate_pem, chain_pem = got
        certificate = examine(
            job.device,
            template=job.record.template,
            certificate_pem=certificate_pem,
            chain_pem=chain_pem,
            authority_pem=self.authority.certificate_pem,
            now=self.clock(),
        )
        path = self.deliver(job.device, certificate_pem, chain_pem)
        delivery = Delivery(
            id=job.record.id,
            serial_number=serial_hex(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )
        return Delivered(delivery, path)
