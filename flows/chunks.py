"""Chunks of a batch as task runs, submitted as slots free up and collected in order."""

import threading
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from prefect.futures import PrefectFuture
from prefect.utilities.annotations import quote

from birthcert.issuance.batch import chunks
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.output import OutputFolder
from birthcert.models import IssueRequest, IssuingAuthority, Place
from tasks.issuance import ESTIMATE, issue_chunk

# One issues, the one before it waits for its certificates, and two more are ready to issue: with
# fewer the calls run dry at a chunk's end when AWS takes seconds for a certificate.
CHUNKS_IN_FLIGHT = 4

InFlight = deque[tuple[list[Device | DeviceOutcome], PrefectFuture[Any]]]


def certified(
    request: IssueRequest,
    place: Place,
    authority: IssuingAuthority,
    *,
    batch_id: int,
    rows: Iterator[Device | DeviceOutcome],
    out: OutputFolder,
) -> Generator[DeviceOutcome]:
    """The outcome of every row, in the manifest's order; holds a few chunks, not the manifest.

    Whatever ends it early, Ctrl-C included, stops the chunks in flight: they finish the calls
    that they have begun and write them down. Close it: a caller that fails leaves it open.
    """
    in_flight: InFlight = deque()
    stop, crew = threading.Event(), Crew(request.threads, ESTIMATE)
    with crew, _ended(in_flight, stop):
        for number, chunk in enumerate(chunks(rows, request.chunk_size), start=1):
            devices = [row for row in chunk if isinstance(row, Device)]
            future = issue_chunk.submit(  # type: ignore[call-overload]
                request=request,
                place=place,
                authority=authority,
                batch_id=batch_id,
                number=number,
                devices=quote(devices),
                out=quote(out),
                crew=quote(crew),
                stop=quote(stop),
            )
            in_flight.append((chunk, future))
            if len(in_flight) >= CHUNKS_IN_FLIGHT:
                yield from _collected(*in_flight[0])
                in_flight.popleft()
        while in_flight:
            yield from _collected(*in_flight[0])
            in_flight.popleft()


@contextmanager
def _ended(in_flight: InFlight, stop: threading.Event) -> Iterator[None]:
    """Whatever happens inside, no chunk is at work after it."""
    try:
        yield
    finally:
        stop.set()
        for _, future in in_flight:
            future.wait()


def _collected(
    chunk: list[Device | DeviceOutcome], future: PrefectFuture[Any]
) -> Iterator[DeviceOutcome]:
    outcomes = {outcome.row: outcome for outcome in future.result()}
    for row in chunk:
        yield outcomes[row.row] if isinstance(row, Device) else row
