"""The output folder in the `bundle` layout: a gzipped part for each chunk, and an index.

A part is whole or not there, and one that was cut short later is known by gzip's own checksum, so
a part proves itself: a run needs no other record of which are good. The index is for readers.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from birthcert.files import UnwritableOutput
from birthcert.issuance.devices import Device
from birthcert.issuance.helper import Helper
from birthcert.issuance.job import Delivered, Job
from birthcert.issuance.outlet import Outlet, delivered
from birthcert.issuance.output import OutputFolder
from birthcert.issuance.parts import (
    Fresh,
    Packed,
    PartFacts,
    device_of,
    facts_of,
    holding,
    line_start,
    pack,
    unpack,
)
from birthcert.issuance.received import Received, UnexpectedCertificate

INDEX: Final = "index.csv"
INDEX_COLUMNS: Final = ("part", "devices", "first_device_id", "last_device_id", "bytes", "sha256")
# gzipped, of a thousand devices at most
PART_MAX_BYTES: Final = 64 * 1024 * 1024
_PART: Final = re.compile(r"part-\d{5,}\.jsonl\.gz")


@dataclass(frozen=True, kw_only=True)
class Bundle(OutputFolder):
    """A folder of parts that belongs to one manifest, in chunks of one size."""

    size: int
    helper: Helper
    _facts: dict[str, PartFacts] = field(default_factory=dict)

    def chunk_size(self, _asked: int) -> int:
        """That of the first run: with another one every part would be written anew."""
        return self.size

    def shard_size(self, asked: int) -> int:
        """In whole chunks, so that a part is in one shard."""
        return -(-asked // self.size) * self.size

    def part(self, number: int) -> str:
        """The name of the part that a chunk's certificates go to."""
        return f"part-{number:05d}.jsonl.gz"

    def outlet(self, number: int) -> Outlet:
        """The way out of the chunk of this number."""
        return PartOutlet(self, self.part(number))

    def all_found(self, number: int, devices: Sequence[Device]) -> list[str] | None:
        """As for files, where the chunk's part has just what belongs into it."""
        part = self.part(number)
        data = self._read(part)
        wanted = [(each.device_id, each.known.serial_number) for each in devices if each.known]
        facts = self.helper.call(holding, data, wanted) if data is not None else None
        if facts is None:
            return None
        self._facts[part] = facts
        return [self.folder.address(part)] * len(wanted)

    def lines(self, part: str) -> list[bytes]:
        """The lines of a part; none where it is missing or not whole."""
        data = self._read(part)
        lines = unpack(data) if data is not None else None
        if data is None or lines is None:
            return []
        self._facts[part] = facts_of(data, lines)
        return lines

    def write_part(self, part: str, lines: list[bytes | Fresh]) -> Packed:
        """Write a part; tells what is in it and what became of each fresh certificate."""
        packed = self.helper.call(pack, lines)
        self.folder.write(part, packed.data)
        self._facts[part] = packed.facts
        return packed

    def certificates(self) -> Iterator[tuple[str, str]]:
        """(device id, serial number) of every certificate in parts that are whole."""
        for part in self.parts():
            for line in self.lines(part):
                _, _, _, device_id, _, _, _, serial_number, _ = line.split(b'"', 8)
                yield device_id.decode(), serial_number.decode()

    def parts(self) -> list[str]:
        """The parts that are there, whole or not, in their order."""
        return sorted(name for name in self.folder.files() if _PART.fullmatch(name))

    def finish(self) -> None:
        """Write the index of all parts that are there; a shard leaves it to who adds them up."""
        if self.shard:
            return
        text = io.StringIO()
        index = csv.writer(text, lineterminator="\n")
        index.writerow(INDEX_COLUMNS)
        for part in self.parts():
            if part not in self._facts:
                self.lines(part)
            if part in self._facts:
                index.writerow((part, *self._facts[part]))
        self.folder.write(INDEX, text.getvalue().encode())

    def _read(self, part: str) -> bytes | None:
        try:
            return self.folder.read(part, PART_MAX_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            path = self.folder.address(part)
            raise UnwritableOutput(
                f"{path} cannot be read: {error.strerror or error}",
                remedy="give this user access to it, then run the same command again: it goes on",
                path=path,
            ) from error


class PartOutlet:
    """One chunk's certificates, kept until all are there and then written as one part.

    An earlier run's part is looked into first: what is in it need not be fetched again, and a part
    that has what belongs into it stays as it is.
    """

    def __init__(self, bundle: Bundle, part: str) -> None:
        self._bundle, self._part = bundle, part
        self._address = bundle.folder.address(part)
        self._written: list[bytes] | None = None
        self._by_device: dict[str, bytes] = {}
        self._lines: dict[int, bytes | Fresh] = {}
        self._jobs: dict[int, Job] = {}

    def find(self, device: Device, serial_number: str) -> str | None:
        """The part's path where it has this device's certificate of this serial number."""
        if self._written is None:
            self._now_has(self._bundle.lines(self._part))
        line = self._by_device.get(device.device_id, b"")
        if not line.startswith(line_start(device.device_id, serial_number)):
            return None
        self._lines[device.row] = line
        return self._address

    def put(self, job: Job, received: Received) -> None:
        """Keep it for `flush`."""
        assert job.arn is not None
        self._jobs[job.device.row] = job
        self._lines[job.device.row] = Fresh(received, job.arn)

    def flush(self) -> Iterator[tuple[Job, Delivered | UnexpectedCertificate]]:
        """Write the part, unless all that belongs into it is in it already, and nothing else."""
        lines = [self._lines[row] for row in sorted(self._lines)]
        if not lines or lines == self._written:
            return
        packed = self._bundle.write_part(self._part, lines)
        self._now_has(packed.lines)
        jobs = [self._jobs[row] for row in sorted(self._jobs)]
        self._jobs.clear()
        for job, result in zip(jobs, packed.examined, strict=True):
            if isinstance(result, UnexpectedCertificate):
                del self._lines[job.device.row]
                yield job, result
            else:
                self._lines[job.device.row] = self._by_device[job.device.device_id]
                yield job, delivered(job, result, self._address)

    def _now_has(self, lines: list[bytes]) -> None:
        self._written = lines
        self._by_device = {device_of(line): line for line in lines}
