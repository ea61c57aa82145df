"""A batch of 40 devices that is killed, and the next run that finishes it."""

import itertools
import random
from typing import Any

import pytest
from crash_books import assert_certified, assert_nothing_half_written
from crash_lab import KILLED, RANG, CsrStore, Desk, Fleet

_numbers = itertools.count()


@pytest.fixture
def fleet(ready_desk: Desk, csrs: CsrStore) -> Fleet:
    """Forty devices with names of their own, in two chunks."""
    return csrs.fleet(ready_desk.folder, f"k{next(_numbers)}")


def boundaries() -> list[Any]:
    """Before and after the first, the middle and the last calls that a batch makes."""
    plans = [
        ("iot.DescribeCACertificate", (1,)),
        ("acm-pca.IssueCertificate", (1, 19, 21, 40)),
        ("acm-pca.GetCertificate", (1, 19, 21, 40)),
    ]
    return [
        pytest.param(
            {"moment": moment, "action": action, "nth": nth},
            id=f"{moment}-{action.partition('.')[2]}-{nth}",
        )
        for action, places in plans
        for nth in places
        for moment in ("before", "after")
    ]


@pytest.mark.parametrize("plan", boundaries())
@pytest.mark.usefixtures("at_once")
def test_killed_batch_is_finished_by_the_next(
    ready_desk: Desk, fleet: Fleet, plan: dict[str, Any]
) -> None:
    """Whatever call it died at, each device gets exactly one certificate, and all is on file."""
    assert ready_desk.issue(fleet, kill=plan).code == KILLED
    assert_nothing_half_written(fleet)
    assert_certified(ready_desk, fleet, ready_desk.issue(fleet))


@pytest.mark.parametrize("seed", range(5))
def test_batch_killed_again_and_again_ends_well(ready_desk: Desk, fleet: Fleet, seed: int) -> None:
    """Deaths at any instants end in one certificate a device."""
    draw = random.Random(seed)
    for _ in range(2):
        seconds = draw.uniform(0.1, 1.5)
        assert ready_desk.issue(fleet, kill={"seconds": seconds}).code in (RANG, 0)
        assert_nothing_half_written(fleet)
    assert_certified(ready_desk, fleet, ready_desk.issue(fleet))
