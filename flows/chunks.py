"""Chunks of a batch as task runs."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

from prefect.futures import PrefectFuture
from prefect.utilities.annotations import quote

from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.engine import all_found
from birthcert.issuance.output import OutputFolder
from birthcert.issuance.pipeline import CHUNKS_IN_FLIGHT, Pipeline
from birthcert.models import IssueRequest, IssuingAuthority, Place
from tasks.issuance import ESTIMATE, issue_chunk

__all__ = ["CHUNKS_IN_FLIGHT", "certified"]


def certified(
    request: IssueRequest,
    place: Place,
    authority: IssuingAuthority,
    *,
    batch_id: int,
    rows: Iterator[Device | DeviceOutcome],
    out: OutputFolder,
    collected: Callable[[], None],
) -> Generator[DeviceOutcome]:
    """The outcome of every row, in the manifest's order; holds a few chunks, not the manifest.

    A chunk is a task, unless there is nothing to do for it. Whatever ends it early, Ctrl-C
    included, stops the chunks in flight: they finish the calls that they have begun and write
    them down. Close it: a caller that fails leaves it open.
    """
    stop, started = threading.Event(), list[PrefectFuture[Any]]()
    with Crew(request.threads, ESTIMATE) as crew, _ended(started, stop):

        def start(number: int, devices: list[Device]) -> PrefectFuture[Any]:
            future: PrefectFuture[Any] = issue_chunk.submit(  # type: ignore[call-overload]
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
            started.append(future)
            del started[: -2 * CHUNKS_IN_FLIGHT]
            return future

        pipeline = Pipeline(
            out.chunk_size(request.chunk_size),
            start=start,
            look=lambda number, devices: all_found(number, devices, out),
            collected=collected,
        )
        with closing(pipeline.outcomes(rows)) as outcomes:
            yield from outcomes


@contextmanager
def _ended(started: list[PrefectFuture[Any]], stop: threading.Event) -> Iterator[None]:
    """Whatever happens inside, no chunk is at work after it."""
    try:
        yield
    finally:
        stop.set()
        for future in started:
            future.wait()
