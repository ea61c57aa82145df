"""Calls started at the pace of a quota that several processes share, on a clock set by hand."""

import heapq
import threading
from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from birthcert.errors import NotAsked
from birthcert.ledger.quotas import LEASE_SECONDS, Asked, Grant, Quota
from birthcert.pacing import LATE_SECONDS, Line

RATE = 25.0


class AtOnce(Executor):
    """Does what is submitted at once: a simulation has no time for threads."""

    def submit(self, function: Any, /, *arguments: Any, **_keywords: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done


@dataclass
class Simulation:
    """A quota, a clock, and processes that are each a line; a wait costs no time here."""

    quota: Quota = field(default_factory=lambda: Quota(RATE, "default", read_at=0.0))
    now: float = 0.0
    wait_seconds: float = 0.0
    reservations: int = 0
    starts: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._events: list[tuple[float, str]] = []

    # the `ending` of a run that does not end
    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.wait_seconds = max(0.0, seconds)
        return False

    def clock(self) -> float:
        return self.now

    def reserve(self, wanted: int) -> tuple[Grant, float]:
        self.reservations += 1
        self.quota, grant = self.quota.reserve(self.now, wanted, Asked())
        return grant, self.now

    def begin(self, name: str, at: float = 0.0, threads: int = 16) -> None:
        """A process that wants to call from now on; all its threads but one stand in line."""
        self._lines[name] = line = Line(self.reserve, self.clock, AtOnce())
        line._waiting = threads - 1
        heapq.heappush(self._events, (at, name))

    def run(self, until: float, pauses: dict[str, float] | None = None) -> None:
        """Let all processes call as fast as they may, after a pause of their own."""
        while self._events and self._events[0][0] < until:
            self.now, name = heapq.heappop(self._events)
            ending: Any = self
            self._lines[name].wait(ending)
            started = self.now + self.wait_seconds
            self.starts.append((started, name))
            pause = (pauses or {}).get(name, 0.0)
            heapq.heappush(self._events, (started + pause, name))

    def counts(self, until: float) -> Counter[str]:
        """How many calls each process started before then."""
        return Counter(name for moment, name in self.starts if moment < until)


@pytest.mark.parametrize("processes", [1, 2, 4, 9])
def test_the_whole_quota_is_used_in_equal_shares(processes: int) -> None:
    """However many processes share it, all of the rate is used, and each has its part."""
    simulation = Simulation()
    for number in range(processes):
        simulation.begin(f"worker {number}")
    simulation.run(until=60)
    counts = simulation.counts(until=60)
    assert sum(counts.values()) == pytest.approx(60 * RATE, rel=0.005)
    assert max(counts.values()) - min(counts.values()) <= RATE


def test_a_process_that_joins_later_gets_its_share_at_once() -> None:
    """It waits in line like everyone, no longer than the others' leases last."""
    simulation = Simulation()
    simulation.begin("first")
    simulation.begin("second", at=10.0)
    simulation.run(until=20)
    first_start = min(moment for moment, name in simulation.starts if name == "second")
    late = [name for moment, name in simulation.starts if 12 <= moment < 20]
    assert first_start - 10.0 <= 2 * LEASE_SECONDS
    assert Counter(late)["second"] == pytest.approx(len(late) / 2, abs=RATE)


def test_a_dead_process_takes_its_lease_along_and_no_more() -> None:
    """What it had reserved is lost to the others: half a second's worth at most."""
    simulation = Simulation()
    for name in ("dies", "lives"):
        simulation.begin(name)
    simulation.run(until=10)
    simulation._events = [event for event in simulation._events if event[1] == "lives"]
    simulation.run(until=20)
    used = [moment for moment, _ in simulation.starts if 10 <= moment < 20]
    assert len(used) >= (10 - 2 * LEASE_SECONDS) * RATE - 1


def test_a_process_with_little_to_do_leaves_the_rest() -> None:
    """One that calls five times a second wastes next to nothing of the other's quota."""
    simulation = Simulation()
    simulation.begin("busy")
    simulation.begin("idle", threads=1)
    simulation.run(until=60, pauses={"idle": 0.2})
    counts = simulation.counts(until=60)
    assert sum(counts.values()) >= 0.9 * 60 * RATE
    assert counts["busy"] > 2 * counts["idle"]


def test_a_lease_serves_many_calls() -> None:
    """The book is asked a few times a second, not once a call."""
    simulation = Simulation()
    simulation.begin("worker")
    simulation.run(until=60)
    assert simulation.reservations <= 60 * 5


def test_the_last_calls_of_a_batch_take_no_more_than_they_use() -> None:
    """Where one thread is left in line, one start is taken: none is lost at a batch's end."""
    simulation = Simulation()
    simulation.begin("worker", threads=1)
    simulation.run(until=10)
    assert simulation.quota.next_free <= 10 + 2 / RATE + 1e-6
    assert len(simulation.starts) == pytest.approx(10 * RATE, abs=2)


def test_a_quota_out_of_reach_holds_nobody_up() -> None:
    """Calls start at once, and the book is asked once a second."""
    simulation = Simulation(Quota(1e10, "service-quotas", read_at=0.0))
    simulation.begin("worker")
    simulation.run(until=10, pauses={"worker": 0.001})
    assert len(simulation.starts) == pytest.approx(10_000, abs=5)
    assert simulation.reservations <= 12


@settings(max_examples=60, deadline=None)
@given(
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.1, 0.35, 2.0]), min_size=1, max_size=5),
    window=st.floats(0.01, 5),
)
def test_no_window_holds_more_calls_than_the_quota(pauses: list[float], window: float) -> None:
    """In any window: the rate's worth, and what may be late, which a small bucket takes."""
    simulation = Simulation()
    for number, pause in enumerate(pauses):
        simulation.begin(f"worker {number}", at=pause)
    simulation.run(until=12, pauses={f"worker {n}": pause for n, pause in enumerate(pauses)})
    moments = sorted(moment for moment, _ in simulation.starts)
    most = RATE * (window + LATE_SECONDS) + 1
    end = 0
    for number, moment in enumerate(moments):
        while end < len(moments) and moments[end] < moment + window:
            end += 1
        assert end - number <= most + 1e-6


def test_the_end_of_the_run_ends_every_wait() -> None:
    """Threads in line for an hour are told at once that AWS was not asked."""
    simulation = Simulation(Quota(RATE, "default", read_at=0.0, next_free=200.0))
    line = Line(simulation.reserve, simulation.clock, AtOnce())
    ending, told = threading.Event(), []

    def wait() -> None:
        try:
            line.wait(ending)
        except NotAsked as error:
            told.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    ending.set()
    for thread in threads:
        thread.join(60)
    assert len(told) == 8


def test_threads_of_a_process_go_one_after_the_other() -> None:
    """Each of many threads gets a start, and none gets another's."""
    simulation = Simulation(Quota(1_000.0, "default", read_at=0.0))
    starts: list[float] = []
    ending: Any = simulation
    line = Line(simulation.reserve, simulation.clock, AtOnce())

    def wait() -> None:
        line.wait(ending)
        starts.append(1.0)

    threads = [threading.Thread(target=wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(starts) == 20
    assert simulation.quota.next_free >= 20 / 1_000
