"""What the places of a fleet's batch have done, added up."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final

from birthcert.issuance.devices import DeviceOutcome
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.output import REPORT, read_report, write_report
from birthcert.issuance.spreading import REFUSED
from birthcert.models import FleetPart, FleetPlaceReport, FleetReport, FleetRequest
from birthcert.storage.stores import Storage, absolute

SUMMARY: Final = "summary.json"


def gather(
    request: FleetRequest,
    parts: Sequence[FleetPart],
    places: Sequence[FleetPlaceReport],
    *,
    storage: Storage,
    seconds: float,
) -> FleetReport:
    """Write report.csv with every row of the manifest, in its order, and summary.json.

    `places` are the reports of the `parts`. Raises UnwritableOutput.
    """
    folder = storage.folder(absolute(request.out))
    outcomes = [_outcomes(*each, storage) for each in zip(parts, places, strict=True)]
    every = heapq.merge(read_report(folder, REFUSED), *outcomes, key=attrgetter("row"))
    counts: Counter[str] = Counter(write_report(folder, every))
    report = FleetReport(
        tenant=request.tenant,
        requested=counts.total(),
        issued=counts["issued"],
        existing=counts["existing"],
        refused=counts["refused"],
        failed=counts["failed"],
        seconds=round(seconds, 3),
        certificates_per_second=round(counts["issued"] / max(seconds, 1e-9), 2),
        throttled=sum(each.batch.throttled for each in places if each.batch),
        report=folder.address(REPORT),
        out=folder.address(),
        places=list(places),
    )
    folder.write(SUMMARY, report.model_dump_json(indent=2).encode())
    return report


def _outcomes(
    part: FleetPart, report: FleetPlaceReport, storage: Storage
) -> Iterator[DeviceOutcome]:
    """Of a place's rows, with their numbers; all failed where a problem ended its batch."""
    if not part.devices:
        return
    rows = read_manifest(part.request.manifest, storage=storage)
    if report.batch is None:
        for row in rows:
            reason = f"{part.name}: {report.problem}"
            yield DeviceOutcome(row.device_id, row.row, "failed", reason=reason)
        return
    outcomes = read_report(storage.folder(part.request.out), REPORT)
    for row, outcome in zip(rows, outcomes, strict=True):
        outcome.row = row.row
        yield outcome
