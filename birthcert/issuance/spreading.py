"""A manifest spread over several places: each row goes to one, whose manifest it is a line of.

A row keeps its number: line N of a place's manifest is line N of the whole one, or blank.
"""

import gzip
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Final

from birthcert.issuance.batch import checked_rows, chunks, key_passphrase
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.fleet_parts import manifest_name
from birthcert.issuance.helper import Helper
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.issuance.output import write_report
from birthcert.issuance.reading import ReadAhead
from birthcert.models import (
    FleetPart,
    FleetParts,
    FleetRequest,
    IssueRequest,
    ManifestOptions,
    Place,
)
from birthcert.storage.folder import Folder
from birthcert.storage.stores import Storage, absolute

# the rows that went to no place, as a report
REFUSED: Final = "refused.csv"
AT_ONCE: Final = 500
# of device ids, the keys of the places that may have certified each
LookUp = Callable[[Sequence[str]], Mapping[str, Collection[str]]]


def preferred(device_id: str, names: Collection[str]) -> str:
    """The place of a new device, by rendezvous hashing: about as many devices for each place.

    It depends on nothing but the device and the places' names. A place that is added takes
    devices from the others, and moves none between them.
    """
    return max(names, key=lambda name: hashlib.sha256(f"{name} {device_id}".encode()).digest())


def names_in_rows(parts: Sequence[FleetPart]) -> dict[str, str]:
    """What a row may call a place: its name, or its region where no other place has that."""
    regions = [part.place.region for part in parts]
    alone = {
        part.place.region: part.name for part in parts if regions.count(part.place.region) == 1
    }
    return {part.name: part.name for part in parts} | alone


def spread_manifest(
    request: FleetRequest,
    found: FleetParts,
    *,
    look_up: LookUp,
    storage: Storage,
    rehearse: bool = False,
) -> FleetParts:
    """Each place's manifest written, and how many devices it has; the other rows are refused.

    All rows are checked, so that no two places certify one name or key. To `rehearse` no
    passphrase is needed for keys that are to be made. Raises what
    `checked_rows` raises, ConfigurationError for an output that cannot be written, and
    UnwritableOutput.
    """
    parts = found.parts
    if request.generate_keys is not None and not rehearse:
        key_passphrase(request)
    folder = storage.folder(absolute(request.out))
    folder.check_writable()
    names = names_in_rows(parts)
    with ExitStack() as stack:
        helper = stack.enter_context(Helper())
        manifests = {
            part.name: _PlaceManifest(stack.enter_context(_gzipped(folder, part))) for part in parts
        }
        rows = _rows(request, names, helper, storage)
        refusals = _placed(rows, names, parts[0].place, look_up, manifests)
        refused = write_report(folder, refusals, REFUSED)["refused"]
    counted = [part.model_copy(update={"devices": manifests[part.name].devices}) for part in parts]
    return found.model_copy(update={"parts": counted, "refused": refused})


class _PlaceManifest:
    """Rows as lines of JSON, each at the line of its number."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._line = stream, 0
        self.devices = 0

    def add(self, row: ManifestRow, device: Device) -> None:
        facts = {"device_id": row.device_id, **row.subject}
        if row.csr_pem or row.csr_path:
            # inline: a path is relative to the manifest, which lies elsewhere
            facts["csr"] = device.csr.pem.decode("ascii")
        line = json.dumps(facts).encode() + b"\n"
        self._stream.write(b"\n" * (row.row - self._line - 1) + line)
        self._line = row.row
        self.devices += 1


@contextmanager
def _gzipped(folder: Folder, part: FleetPart) -> Iterator[BinaryIO]:
    """The stream of a place's manifest; the same rows give the same bytes."""
    with (
        folder.replacing(manifest_name(part.place)) as stream,
        gzip.GzipFile("", "wb", compresslevel=3, fileobj=stream, mtime=0) as zipped,
    ):
        yield zipped  # type: ignore[misc]


def _rows(
    request: FleetRequest, names: Collection[str], helper: Helper, storage: Storage
) -> Iterator[tuple[ManifestRow, Device | DeviceOutcome]]:
    """Each row as it is written, and as it was checked: keys that are to be made are not yet."""
    options = {name: getattr(request, name) for name in ManifestOptions.model_fields}
    whole = IssueRequest(tenant=request.tenant, partition=request.partition, **options)
    csr_required = request.generate_keys is None
    checked = checked_rows(
        whole,
        rehearse=True,
        places=names,
        read=ReadAhead(helper),
        storage=storage,
    )
    written = read_manifest(request.manifest, csr_required=csr_required, storage=storage)
    return zip(written, checked, strict=True)


def _placed(
    rows: Iterator[tuple[ManifestRow, Device | DeviceOutcome]],
    names: Mapping[str, str],
    beside: Place,
    look_up: LookUp,
    manifests: Mapping[str, _PlaceManifest],
) -> Iterator[DeviceOutcome]:
    """Writes each device into its place's manifest; gives the rows that are in none."""
    for some in chunks(rows, AT_ONCE):
        known = look_up([row.device_id for row, checked in some if isinstance(checked, Device)])
        for row, checked in some:
            if isinstance(checked, DeviceOutcome):
                yield checked
                continue
            has = set(filter(None, map(beside.name_of_neighbour, known.get(row.device_id, ()))))
            named = names.get(row.place)
            if has and (named not in has if named else has.isdisjoint(manifests)):
                yield _elsewhere(row, min(has))
            else:
                name = named or preferred(row.device_id, has & manifests.keys() or manifests)
                manifests[name].add(row, checked)


def _elsewhere(row: ManifestRow, place: str) -> DeviceOutcome:
    reason = f"the device is certified in {place}, and the row names {row.place}"
    remedy = "name the former or none"
    if not row.place:
        reason = f"the device is certified in {place}, which is none of the places"
        remedy = "name that one too, or move the device with birthcert issue"
    return DeviceOutcome(row.device_id, row.row, "refused", reason=f"{reason}; {remedy}")
