"""What the engine's threads do: one call to AWS each, and what must follow it at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from birthcert.errors import BirthcertError
from birthcert.issuance.authority import IssuingAuthority
from birthcert.issuance.job import REPEATABLE, Delivered, IssueOptions, Job
from birthcert.issuance.outlet import Outlet
from birthcert.issuance.received import Received
from birthcert.pki.validity import Validity


class RequestTooLate(BirthcertError):
    """The process slept so long after writing its intent that the token may be forgotten [6]."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What GetCertificate brought; `delivered` is None where the outlet keeps it for later."""

    ready: bool
    delivered: Delivered | None = None


@dataclass(frozen=True)
class Calls:
    """The two calls of a device's way, each a function of its job; safe for many threads."""

    authority: IssuingAuthority
    options: IssueOptions
    outlet: Outlet
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

    def fetch(self, job: Job) -> Fetched:
        """Ask for the issued certificate and give it to the outlet."""
        assert job.arn is not None
        job.asked_at = time.monotonic()
        got = self.authority.get(job.arn)
        if got is None:
            return Fetched(ready=False)
        certificate_pem, chain_pem = got
        received = Received(
            device_id=job.device.device_id,
            public_key_sha256=job.device.csr.public_key_sha256,
            template=job.record.template,
            certificate_pem=certificate_pem,
            chain_pem=chain_pem,
            authority_pem=self.authority.certificate_pem,
            now=self.clock(),
        )
        return Fetched(ready=True, delivered=self.outlet.put(job, received))
