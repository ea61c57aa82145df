"""Where the certificates of a chunk go: each at once, or all together at its end."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from birthcert.issuance.devices import Device
from birthcert.issuance.job import Delivered, Job
from birthcert.issuance.received import Examined, Received, UnexpectedCertificate, examine
from birthcert.ledger.records import Delivery

# Writes a device's files: (device, certificate PEM, chain PEM) -> path of the certificate.
Deliver = Callable[[Device, str, str], str]
# Where a delivered device's files are: (device, serial number) -> path, None where they are not.
FindDelivered = Callable[[Device, str], str | None]


class Outlet(Protocol):
    """One chunk's way out; `put` is called from several threads, the others from the chunk's."""

    def find(self, device: Device, serial_number: str) -> str | None:
        """The path of an earlier run's certificate where it is still there."""

    def put(self, job: Job, received: Received) -> Delivered | None:
        """Examine and write a certificate; None: it is kept for `flush`.

        Raises UnexpectedCertificate for one that is not what was asked for.
        """

    def flush(self) -> Iterable[tuple[Job, Delivered | UnexpectedCertificate]]:
        """Examine and write what was kept since the last time, and tell what became of each."""


@dataclass(frozen=True)
class FilesOutlet:
    """Each device's files are written as soon as AWS has given its certificate."""

    deliver: Deliver
    find_delivered: FindDelivered = lambda _device, _serial: None

    def find(self, device: Device, serial_number: str) -> str | None:
        """As `find_delivered` has it."""
        return self.find_delivered(device, serial_number)

    def put(self, job: Job, received: Received) -> Delivered:
        """Examined and written."""
        examined = examine(received)
        path = self.deliver(job.device, received.certificate_pem, received.chain_pem)
        return delivered(job, examined, path)

    def flush(self) -> Sequence[tuple[Job, Delivered | UnexpectedCertificate]]:
        """Nothing was kept."""
        return ()


def delivered(job: Job, examined: Examined, path: str) -> Delivered:
    """What the ledger and the report are told of a certificate that is written."""
    delivery = Delivery(
        id=job.record.id,
        serial_number=examined.serial_number,
        not_before=examined.not_before,
        not_after=examined.not_after,
    )
    return Delivered(delivery, path)
