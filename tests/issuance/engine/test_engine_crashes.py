"""A run is killed at every point where something could be lost; the next one finishes it."""

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from birthcert.errors import AwsCallFailed
from birthcert.issuance.calls import RequestTooLate
from birthcert.issuance.devices import Device
from birthcert.ledger.errors import LedgerUnavailable
from birthcert.ledger.ledger import Ledger

fork = multiprocessing.get_context("fork")


def die() -> None:
    """As kill -9 does: no handler, no `finally`, nothing flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the Nth time it is called."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, *_arguments: object) -> None:
        self.left -= 1
        if self.left == 0:
            die()


def kill_at(workshop: Any, point: str, times: int) -> dict[str, Any]:
    """Prepare the death of this process at a point; returns changes to the run's arguments."""
    count = Countdown(times)
    moment, _, action = point.partition(" ")
    if action in ("issue", "get"):
        called: Callable[[str, str], None] = lambda name, _d: count() if name == action else None  # noqa: E731
        setattr(workshop.authority, moment, called)
        return {}
    if action == "deliver":

        def deliver(device: Device, certificate_pem: str, chain_pem: str) -> str:
            if moment == "before":
                count()
            path = str(workshop.deliver(device, certificate_pem, chain_pem))
            if moment == "after":
                count()
            return path

        return {"deliver": deliver}
    original = getattr(Ledger, action)

    def method(*arguments: Any, **keywords: Any) -> Any:
        if moment == "before":
            count()
        result = original(*arguments, **keywords)
        if moment == "after":
            count()
        return result

    setattr(Ledger, action, method)
    return {}


def run_and_die(workshop: Any, fleet: list[Device], point: str, times: int) -> int:
    """Run in a process that is killed at the point; returns its exit code."""

    def work() -> None:
        workshop.run(fleet, **kill_at(workshop, point, times))

    process = fork.Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def assert_finished(workshop: Any, fleet: list[Device]) -> None:
    """The books of AWS, the ledger and the output folder agree, and nothing was bought twice."""
    outcomes = workshop.run(fleet)
    assert {each.outcome for each in outcomes.values()} <= {"issued", "existing"}
    assert workshop.authority.sold() == {device.device_id: 1 for device in fleet}
    assert workshop.states() == {device.device_id: "delivered" for device in fleet}
    assert len(workshop.arns()) == len(fleet)
    assert {path.name for path in (workshop.folder / "out").iterdir()} == set(outcomes)


POINTS = [
    f"{moment} {action}"
    for action in ("claim", "intend", "mark_requested", "issue", "record", "get", "deliver")
    for moment in ("before", "after")
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_run_is_finished_by_the_next(workshop: Any, fleet: list[Device], point: str) -> None:
    """Killed around each call, a run leaves a state that the same command completes."""
    times = 1 if point.endswith(("claim", "intend")) else 3
    assert run_and_die(workshop, fleet, point, times) == -signal.SIGKILL
    assert_finished(workshop, fleet)


@pytest.mark.parametrize("seed", range(4))
def test_run_killed_again_and_again_ends_well(
    workshop: Any, fleet: list[Device], seed: int
) -> None:
    """Any sequence of deaths ends in the same books."""
    draw = random.Random(seed)
    for _ in range(4):
        run_and_die(workshop, fleet, draw.choice(POINTS), draw.randint(1, 12))
    assert_finished(workshop, fleet)


def test_request_of_unknown_end_is_not_bought_again(workshop: Any, fleet: list[Device]) -> None:
    """After its token's life a lost request is the user's to decide, not to be repeated."""
    run_and_die(workshop, fleet, "after issue", 1)
    lost = [device for device, state in workshop.states().items() if state == "requested"]
    assert lost
    workshop.clock.advance(minutes=5)
    outcomes = workshop.run(fleet)
    assert {each for each in outcomes if outcomes[each].outcome == "failed"} == set(lost)
    assert all("birthcert reconcile" in outcomes[each].reason for each in lost)
    assert max(workshop.authority.sold().values()) == 1


def test_request_is_repeated_only_well_inside_its_tokens_life(
    workshop: Any, fleet: list[Device]
) -> None:
    """Four minutes after the first request nothing is sent: it might arrive too late."""
    run_and_die(workshop, fleet, "after issue", 1)
    workshop.clock.advance(seconds=241)
    before = workshop.authority.sold().total()
    lost = [each for each in fleet if workshop.states()[each.device_id] == "requested"]
    outcomes = workshop.run(lost)
    assert {each.outcome for each in outcomes.values()} == {"failed"}
    assert workshop.authority.sold().total() == before


def test_process_that_slept_does_not_ask_late(
    workshop: Any, fleet: list[Device], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request written down before a long sleep is not sent after it."""
    original = Ledger.mark_requested

    def sleep_after(self: Ledger, claim_id: int, ids: Any) -> Any:
        marked = original(self, claim_id, ids)
        workshop.clock.now += timedelta(minutes=10)
        return marked

    monkeypatch.setattr(Ledger, "mark_requested", sleep_after)
    with pytest.raises(RequestTooLate, match="not asked for"):
        workshop.run(fleet[:3])
    assert workshop.authority.sold().total() == 0


def test_lost_answer_is_asked_again_with_the_same_token(workshop: Any, fleet: list[Device]) -> None:
    """Work that AWS did and whose answer was lost is not bought a second time."""

    def lose(action: str, device: str) -> None:
        if action == "issue" and device.endswith("1"):
            raise AwsCallFailed(
                service="acm-pca", action="IssueCertificate", code="InternalFailure", message=""
            )

    workshop.authority.after = lose
    assert len([each for each in workshop.run(fleet).values() if each.outcome == "failed"]) == 4
    workshop.authority.after = lambda _action, _device: None
    assert_finished(workshop, fleet)


def test_arn_that_the_ledger_cannot_take_is_in_the_log(
    workshop: Any,
    fleet: list[Device],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the ledger fails after AWS's answer, the ARN is not lost, and the next run goes on."""

    def fail(_self: Ledger, **_facts: Any) -> None:
        raise LedgerUnavailable("no room", remedy="make room")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record", fail)
        with pytest.raises(LedgerUnavailable):
            workshop.run(fleet)
    bought = workshop.authority.sold()
    assert bought
    logged = [record for record in caplog.records if "not in the ledger" in record.message]
    assert len(logged) == bought.total()
    assert_finished(workshop, fleet)


def test_two_runs_at_once_buy_each_device_once(workshop: Any, fleet: list[Device]) -> None:
    """Two processes with one manifest share the work, and both know the outcome of all of it."""
    reports: Any = fork.Queue()

    def work(number: int) -> None:
        order = fleet if number == 0 else fleet[::-1]
        outcomes: dict[str, Any] = {}
        for start in range(0, len(order), 10):
            outcomes |= workshop.run(order[start : start + 10])
        reports.put({each: outcome.certificate_arn for each, outcome in outcomes.items()})

    processes = [fork.Process(target=work, args=(number,)) for number in range(2)]
    for process in processes:
        process.start()
    first, second = (reports.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(20)
    assert first == second
    assert len(set(first.values())) == len(fleet)
    assert_finished(workshop, fleet)
