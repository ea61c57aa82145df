"""A batch's chunks in flight: started as slots free up, their outcomes collected in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from birthcert.issuance.batch import chunks
from birthcert.issuance.devices import Device, DeviceOutcome

Row = Device | DeviceOutcome
# One issues, the one before it waits for its certificates, and two more are ready to issue: with
# fewer the calls run dry at a chunk's end when AWS takes seconds for a certificate.
CHUNKS_IN_FLIGHT: Final = 4
# Chunks of which all is delivered already cost a look into their part each.
_LOOKED_INTO: Final = 8


class Started(Protocol):
    """A chunk at work."""

    def result(self) -> list[DeviceOutcome]:
        """Its devices' outcomes, waited for."""


@dataclass
class _Chunk:
    number: int
    rows: list[Row]
    devices: list[Device]
    looked: "Future[list[DeviceOutcome] | None] | None" = None
    started: Started | None = None


@dataclass
class Pipeline:
    """`start(number, devices)` has a chunk worked on; `look(number, devices)` tells the outcomes
    of one of which the ledger says that all is delivered, or None where something is missing.
    `collected()` is called when a chunk's outcomes have been taken."""

    chunk_size: int
    start: Callable[[int, list[Device]], Started]
    look: Callable[[int, list[Device]], list[DeviceOutcome] | None]
    collected: Callable[[], None] = lambda: None

    def outcomes(self, rows: Iterable[Row]) -> Generator[DeviceOutcome]:
        """The outcome of each row, in order; holds a few chunks at a time."""
        line: deque[_Chunk] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="look") as lookers:
            for some in chunks(rows, self.chunk_size):
                chunk = self._chunk(some)
                line.append(chunk)
                if all(device.known for device in chunk.devices):
                    chunk.looked = lookers.submit(self.look, chunk.number, chunk.devices)
                else:
                    self._start(chunk)
                self._start_looked_into(line)
                while _is_full(line):
                    yield from self._collected(line.popleft())
            while line:
                yield from self._collected(line.popleft())

    def _chunk(self, rows: list[Row]) -> _Chunk:
        devices = [row for row in rows if isinstance(row, Device)]
        # by its first row, so that it is the same whichever run has the chunk
        return _Chunk(1 + (rows[0].row - 1) // self.chunk_size, rows, devices)

    def _start(self, chunk: _Chunk) -> Started:
        chunk.started = self.start(chunk.number, chunk.devices)
        return chunk.started

    def _start_looked_into(self, line: Iterable[_Chunk]) -> None:
        """Of chunks that were thought to be done, those that are not."""
        for chunk in line:
            looked = chunk.looked
            if looked and not chunk.started and looked.done() and looked.result() is None:
                self._start(chunk)

    def _collected(self, chunk: _Chunk) -> Iterator[DeviceOutcome]:
        found = chunk.looked.result() if chunk.looked else None
        if found is None:
            found = (chunk.started or self._start(chunk)).result()
        outcomes = {outcome.row: outcome for outcome in found}
        for row in chunk.rows:
            yield outcomes[row.row] if isinstance(row, Device) else row
        self.collected()


def _is_full(line: deque[_Chunk]) -> bool:
    started = sum(chunk.started is not None for chunk in line)
    return started >= CHUNKS_IN_FLIGHT or len(line) >= _LOOKED_INTO
