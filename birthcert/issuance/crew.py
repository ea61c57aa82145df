"""The threads that call AWS for all chunks of a batch, and whose turn it is to issue.

One chunk issues at a time, in the order in which they asked; meanwhile those before it wait for
their certificates and those after it are written down. So the calls never run dry at a chunk's
end, however long AWS takes to issue.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, Self

from birthcert.errors import NotAsked
from birthcert.issuance.job import Job
from birthcert.issuance.readiness import ReadyEstimate
from birthcert.ledger.errors import LedgerUnavailable
from birthcert.logs import Work, current_work, working_on

# How long a group of requests is written down before the last of it is sent, and how many at most.
_AHEAD_SECONDS: Final = 0.25
_AHEAD_MOST: Final = 250
# From a call to AWS: it was not made, for the run ends, or the quota book is out of reach.
NO_TURN: Final = (NotAsked, LedgerUnavailable)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order; `begun` is false where AWS was not asked.

    Then its chunk had halted, or `error` says why the call got no turn.
    """

    order: "Order"
    result: Any = None
    error: BaseException | None = None
    begun: bool = True


# Where answers arrive; None says that something else has changed.
Answers = SimpleQueue[Answer | None]


@dataclass(frozen=True, slots=True)
class Order:
    """One call for one job; `since` is its age's beginning where certificates are asked for.

    The thread that carries it out works on what the one that gave it works on.
    """

    job: Job
    call: Callable[[Job], Any]
    answers: Answers
    halted: Callable[[], bool]
    since: float | None = None
    work: Work = field(default_factory=current_work)

    def carry_out(self) -> None:
        """Make the call unless its chunk has halted, and answer."""
        if self.halted():
            self.answers.put(Answer(self, begun=False))
            return
        try:
            with working_on(self.work):
                answer = Answer(self, self.call(self.job))
        except NO_TURN as error:
            answer = Answer(self, error=error, begun=False)
        except BaseException as error:  # noqa: BLE001 - the chunk judges it
            answer = Answer(self, error=error)
        self.answers.put(answer)


class Turn:
    """Which chunk may issue; a chunk is known by the queue of its answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: deque[Answers] = deque()

    def take(self, answers: Answers) -> bool:
        """Stand in line unless one stands there already; whether it is this one's turn."""
        with self._lock:
            if answers not in self._line:
                self._line.append(answers)
            return self._line[0] is answers

    def give(self, answers: Answers) -> None:
        """Leave the line; the next one is told."""
        with self._lock:
            if answers in self._line:
                self._line.remove(answers)
                if self._line:
                    self._line[0].put(None)


class Ahead:
    """How many requests are written down at a time: what the threads send in a quarter second.

    Few where AWS is slow, so that a killed run leaves few requests of unknown end; many where it
    is quick, so that the ledger is not what is waited for. Used by the chunk whose turn it is.
    """

    def __init__(self, least: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.count = self._least = least
        self._clock, self._began = clock, clock()
        self._left = 0

    def began(self, size: int) -> None:
        """A group of so many is about to be sent."""
        self._began, self._left = self._clock(), size

    def ended(self, size: int) -> None:
        """So many were answered; with the last of a group its time is known."""
        self._left -= size
        if self._left != 0:
            return
        if self._clock() - self._began < _AHEAD_SECONDS:
            self.count = min(self.count * 2, max(_AHEAD_MOST, self._least))
        else:
            self.count = max(self.count // 2, self._least)


class Crew:
    """Threads that ask AWS to issue, and as many that fetch; used inside `with`.

    `estimate` is shared by all crews of a process where it is given.
    """

    def __init__(self, threads: int, estimate: ReadyEstimate | None = None) -> None:
        self.threads = threads
        self.estimate = estimate or ReadyEstimate()
        self.turn = Turn()
        self.ahead = Ahead(2 * threads)
        self._issuers = _Threads("issue", threads)
        self._fetchers = _Threads("fetch", threads)

    def issue(self, order: Order) -> None:
        """Have an issuing thread carry it out."""
        self._issuers.orders.put(order)

    def fetch(self, order: Order) -> None:
        """Have a fetching thread carry it out."""
        self._fetchers.orders.put(order)

    def __enter__(self) -> Self:
        self._issuers.start()
        self._fetchers.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._issuers.end()
        self._fetchers.end()


class _Threads:
    def __init__(self, name: str, count: int) -> None:
        self.orders: SimpleQueue[Order | None] = SimpleQueue()
        # a call that hangs must not keep a process alive that was told twice to end
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        for _ in self._threads:
            self.orders.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (order := self.orders.get()) is not None:
            order.carry_out()
