"""A batch of a hundred on an AWS that throttles, fails, forgets to answer and takes its time."""

from typing import Any

import pytest
from crash_books import assert_certified, inventory
from crash_lab import BOOTSTRAP, CsrStore, Desk, Lab

STORM = {"effect": "error", "status": 503, "code": "ServiceUnavailableException"}
FAULTS: dict[str, dict[str, Any]] = {
    "thirty percent throttled": {
        "calls": [{"action": "acm-pca.*", "effect": "throttle", "probability": 0.3}]
    },
    "every tenth answer lost": {"calls": [{"effect": "lose_answer", "every": 10}]},
    "storms of 503": {"calls": [{**STORM, "probability": 0.3}]},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_batch_ends_complete(lab: Lab, ready_desk: Desk, csrs: CsrStore, fault: str) -> None:
    """Whatever AWS does, the batch ends with one certificate a device and exact counts."""
    fleet = csrs.fleet(ready_desk.folder, fault.replace(" ", "-"), 100, threads=8)
    at_once = {"issuance_seconds": [0, 0], "ca_creation_seconds": 0}
    with lab.knobs(**at_once, **FAULTS[fault]):
        run = ready_desk.issue(fleet)
    assert_certified(ready_desk, fleet, run)
    assert run.report["issued"] == 100
    assert run.report["failed"] == run.report["refused"] == 0


def test_certificates_that_take_many_polls_are_waited_for(
    lab: Lab, ready_desk: Desk, csrs: CsrStore
) -> None:
    """RequestInProgress again and again is no error, and costs seconds, not minutes."""
    fleet = csrs.fleet(ready_desk.folder, "in-progress", 4)
    with lab.knobs(issuance_seconds=[0, 0], request_in_progress_polls=4):
        run = ready_desk.issue(fleet)
    assert_certified(ready_desk, fleet, run)
    assert run.report["issued"] == 4


def test_bootstrap_ends_with_the_same_books(lab: Lab, desk: Desk, ready_desk: Desk) -> None:
    """Lost answers, throttling and IAM's delay at once: the account ends as any other."""
    faults = [
        {"effect": "lose_answer", "every": 10},
        {"effect": "throttle", "probability": 0.2},
    ]
    with lab.knobs(calls=faults, iam_delay_seconds=3):
        run = desk.run("bootstrap", BOOTSTRAP)
    assert (run.code, run.error) == (0, "")
    assert inventory(desk) == {**inventory(ready_desk), "certificates": 2}
