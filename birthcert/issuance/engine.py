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
from birthcert.issuance.calls import Calls
from birthcert.issuance.chunk import Chunk
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.job import IssueOptions, found_outcome
from birthcert.issuance.outlet import Outlet
from birthcert.issuance.output import OutputFolder
from birthcert.ledger.ledger import Ledger, utc_now

INTERRUPTED: Final = "interrupted before it was done: run the same command again"


def issue_chunk(
    devices: Sequence[Device],
    *,
    authority: IssuingAuthority,
    ledger: Ledger,
    batch_id: int,
    options: IssueOptions,
    outlet: Outlet,
    crew: Crew,
    stop: threading.Event,
    clock: Callable[[], datetime] = utc_now,
) -> list[DeviceOutcome]:
    """Certify the devices; returns an outcome for each, in their order.

    `outlet` is where this chunk's certificates go and where an earlier run's are looked for; what
    is not there any more is fetched and written again, without issuing. A device that another run
    works on is waited for. The threads of `crew`, at work, are shared by the chunks of a batch.

    A fault of one device makes it `failed`, and a later run goes on with it. A fault that
    concerns all (the CA, the credentials, the ledger, the disk) is raised after the calls in
    flight have ended and are written down. When `stop` is set no call is started any more; what
    was not done is `failed` with the reason INTERRUPTED [6, 14, 16].
    """
    known = found(devices, outlet)
    rest = [device for device in devices if device.row not in known]
    claim_id = ledger.claim(batch_id)
    try:
        chunk = Chunk(
            calls=Calls(authority, options, outlet, clock),
            crew=crew,
            ledger=ledger,
            batch_id=batch_id,
            claim_id=claim_id,
            stop=stop,
        )
        outcomes = known | chunk.run(rest)
    finally:
        ledger.release(claim_id)
    return [outcomes.get(device.row) or _interrupted(device) for device in devices]


def found(devices: Sequence[Device], outlet: Outlet) -> dict[int, DeviceOutcome]:
    """The outcomes, by row, of devices that need nothing: delivered, and their files are there."""
    outcomes = {}
    for device in devices:
        if device.known and (path := outlet.find(device, device.known.serial_number)):
            outcomes[device.row] = found_outcome(device, device.known, path)
    return outcomes


def all_found(
    number: int, devices: Sequence[Device], out: OutputFolder
) -> list[DeviceOutcome] | None:
    """The outcomes of a chunk for which nothing is to be done; None where something is.

    All its devices are `known`.
    """
    paths = out.all_found(number, devices)
    if paths is None:
        return None
    return [
        found_outcome(device, device.known, path)
        for device, path in zip(devices, paths, strict=True)
        if device.known
    ]


def _interrupted(device: Device) -> DeviceOutcome:
    return DeviceOutcome(device.device_id, device.row, "failed", reason=INTERRUPTED)
