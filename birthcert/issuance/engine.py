"""The engine: a chunk of devices through IssueCertificate and GetCertificate, with the ledger.

The order of things decides what is lost when a process dies, so it is the same for every device:
intent committed, `requested` committed, AWS asked, ARN committed, files written, `delivered`
committed. One thread talks to the ledger and groups its commits; two pools talk to AWS.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from birthcert.issuance.authority import IssuingAuthority
from birthcert.issuance.calls import Calls, Deliver
from birthcert.issuance.chunk import Chunk, FindDelivered
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.readiness import ReadyEstimate
from birthcert.ledger.ledger import Ledger, utc_now

INTERRUPTED: Final = "interrupted before it was done: run the same command again"


def issue_chunk(
    devices: Sequence[Device],
    *,
    authority: IssuingAuthority,
    ledger: Ledger,
    batch_id: int,
    options: IssueOptions,
    deliver: Deliver,
    stop: threading.Event,
    find_delivered: FindDelivered = lambda _device, _serial: None,
    clock: Callable[[], datetime] = utc_now,
    estimate: ReadyEstimate | None = None,
) -> list[DeviceOutcome]:
    """Certify the devices; returns an outcome for each, in their order.

    `deliver(device, certificate_pem, chain_pem)` writes a device's files, from several threads,
    and returns the certificate's path. `find_delivered(device, serial_number)` returns that path
    where an earlier run's files are still there; where it returns None they are fetched and
    written again, without issuing. A device that another run works on is waited for. `estimate`
    may be shared by the chunks of a process.

    A fault of one device makes it `failed`, and a later run goes on with it. A fault that
    concerns all (the CA, the credentials, the ledger, the disk) is raised after the calls in
    flight have ended and are written down. When `stop` is set no call is started any more; what
    was not done is `failed` with the reason INTERRUPTED [6, 14, 16].
    """
    claim_id = ledger.claim(batch_id)
    try:
        chunk = Chunk(
            calls=Calls(authority, options, deliver, clock),
            ledger=ledger,
            batch_id=batch_id,
            claim_id=claim_id,
            stop=stop,
            find_delivered=find_delivered,
            estimate=estimate or ReadyEstimate(),
        )
        outcomes = chunk.run(devices)
    finally:
        ledger.release(claim_id)
    return [outcomes.get(device.row) or _interrupted(device) for device in devices]


def _interrupted(device: Device) -> DeviceOutcome:
    return DeviceOutcome(device.device_id, device.row, "failed", reason=INTERRUPTED)
