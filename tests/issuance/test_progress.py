"""How far a batch is: the pace of the last minute, and what is left at it."""

from concurrent.futures import Future
from typing import Any

import pytest

from birthcert.issuance.devices import DeviceOutcome
from birthcert.issuance.pipeline import Pipeline
from birthcert.issuance.progress import BatchProgress, Pace


def progress(**facts: Any) -> BatchProgress:
    """A batch of 1,000 devices under way."""
    counts = {"issued": 100, "existing": 0, "refused": 0, "failed": 0}
    rest = {"tenant": "acme", "total": 1_000, "throttled": 0, "per_second": 25.0, "seconds": 4}
    return BatchProgress.model_validate({**rest, **counts, **facts})


def test_the_line_says_all_that_matters() -> None:
    """Devices, pace and time left; what went wrong only where something did."""
    assert progress().line() == "100 of 1,000 devices, 25.0 a second, 36 s left"
    troubled = progress(throttled=3, refused=2, failed=1)
    assert troubled.line().endswith("36 s left, 3 throttled, 2 refused, 1 failed")


@pytest.mark.parametrize(
    ("facts", "percent", "left"),
    [
        pytest.param({}, 10, 36, id="under way"),
        pytest.param({"issued": 1_000}, 100, 0, id="done"),
        pytest.param({"issued": 1_001}, 100, 0, id="a manifest that grew"),
        pytest.param({"per_second": 0}, 10, None, id="standing still"),
        pytest.param({"total": 0, "issued": 0}, 0, 0, id="nothing to do"),
    ],
)
def test_what_is_done_and_what_is_left(facts: Any, percent: float, left: int | None) -> None:
    """Percent for the bar, seconds for people."""
    found = progress(**facts)
    assert (found.percent, found.seconds_left) == (percent, left)


def test_the_pace_is_that_of_the_last_minute() -> None:
    """A slow start is forgotten a minute later."""
    pace = Pace(now=0)
    assert pace.per_second(0, now=0) == 0
    assert pace.per_second(60, now=60) == 1
    assert pace.per_second(1_260, now=120) == 20
    assert pace.per_second(1_260, now=300) == pytest.approx(0)


def test_a_chunk_is_told_of_when_all_of_it_was_counted() -> None:
    """Outcomes come in bursts: told of in the middle of one, the pace would be wrong until the
    next."""
    rows = [DeviceOutcome("a", row, "refused") for row in range(1, 6)]
    taken: list[DeviceOutcome] = []
    told: list[int] = []
    pipeline = Pipeline(
        2,
        start=lambda _number, _devices: Future(),
        look=lambda _number, _devices: [],
        collected=lambda: told.append(len(taken)),
    )
    for outcome in pipeline.outcomes(rows):
        taken.append(outcome)
    assert told == [2, 4, 5]
