"""Calls to AWS started at the pace of the quota that all who share the ledger have together.

A process takes a lease off the quota book: its next starts, in one transaction. Its threads stand
in one line an action; the first of them waits for the next start, and goes. Nobody polls: the
next lease is taken by a thread of its own while the starts of this one are waited for.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from birthcert import limits
from birthcert.errors import NotAsked
from birthcert.ledger.errors import LedgerUnavailable
from birthcert.ledger.quota_book import QuotaBook
from birthcert.ledger.quotas import UNPACED_PER_SECOND, Asked, Grant, QuotaSource
from birthcert.models import Place, QuotaUse

log = logging.getLogger(__name__)
# A start that nobody was there for is gone after so long: a late crowd would be a burst.
LATE_SECONDS: Final = 0.4
# How long before the end of a lease the next one is taken: a busy database or machine may take it.
LOOK_AHEAD_SECONDS: Final = 0.4
MOST_WANTED: Final = 1 << 16
# How long a quota that is out of reach is not asked about again.
UNPACED_SECONDS: Final = 1.0
ALL_OF_IT: Final = Asked()
BUYING: Final = "acm-pca.IssueCertificate"


@dataclass
class Lease:
    """Starts by the local clock; belongs to the thread that is first in line."""

    first: float
    step: float
    count: int
    paced: bool = True
    taken: int = 0
    lost: int = 0

    @property
    def left(self) -> int:
        """How many starts nobody has taken yet."""
        return self.count - self.taken - self.lost

    @property
    def end(self) -> float:
        """When the start after the last one would be."""
        return self.first + (self.count * self.step if self.paced else UNPACED_SECONDS)

    def take(self, now: float) -> float | None:
        """The next start that is not too late; None where there is none left."""
        if not self.paced:
            return now if now < self.end else None
        while self.left:
            start = self.first + (self.taken + self.lost) * self.step
            if start >= now - LATE_SECONDS:
                self.taken += 1
                return start
            self.lost += 1
        return None


class Line:
    """The threads of a process that wait to call one action."""

    def __init__(
        self,
        reserve: Callable[[int], tuple[Grant, float]],
        clock: Callable[[], float],
        ahead: Executor,
    ) -> None:
        self._reserve, self._clock, self._ahead = reserve, clock, ahead
        self._first = threading.Lock()  # held by the thread that is first in line
        self._counting = threading.Lock()
        self._waiting = 0
        self._lease = Lease(0.0, 0.0, 0)
        self._next: Future[Lease] | None = None  # taken by `ahead` while starts are waited for
        self._wanted = 1
        self._is_waited_for = False

    def wait(self, ending: threading.Event) -> None:
        """Return when a call may start; NotAsked as soon as `ending` is set."""
        with self._counting:
            self._waiting += 1
        try:
            with self._first:
                if ending.is_set() or ending.wait(self._seconds_to_next()):
                    raise NotAsked("the run is ending: AWS was not asked any more")
        finally:
            with self._counting:
                self._waiting -= 1

    def _seconds_to_next(self) -> float:
        now = self._clock()  # from before a lease is taken: so none of its starts is late
        while (start := self._lease.take(now)) is None:
            self._adapt()
            coming, self._next = self._next, None
            self._lease = coming.result() if coming else self._take_lease(self._waiting)
        self._is_waited_for = start > now
        more = self._waiting - 1 - self._lease.left
        if more > 0 and self._next is None and self._is_ending(now):
            self._next = self._ahead.submit(self._take_lease, more)
        return start - self._clock()

    def _is_ending(self, now: float) -> bool:
        return self._lease.paced and self._lease.end - now < LOOK_AHEAD_SECONDS

    def _adapt(self) -> None:
        """Want as many as there was use for: twice as many while none are lost."""
        if self._lease.lost:
            self._wanted = max(1, self._lease.taken)
        else:
            self._wanted = min(2 * self._wanted, MOST_WANTED)

    def _take_lease(self, waiting: int) -> Lease:
        """Where starts are waited for, no more than have somebody who waits."""
        wanted = min(self._wanted, waiting) if self._is_waited_for else self._wanted
        grant, local_now = self._reserve(wanted)
        first = local_now + (grant.start - grant.now)
        return Lease(first, grant.step, grant.count, grant.paced)


class Pacer:
    """Paces the calls of this process in one place; `limit_of` asks AWS for an action's quota.

    `asked` says how fast IssueCertificate may go where that is not AWS's own figure, and which
    share of every quota is used. Thread-safe.
    """

    def __init__(
        self,
        place: Place,
        book: QuotaBook,
        *,
        limit_of: Callable[[str], float | None],
        asked: Asked = ALL_OF_IT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place, self._book, self._limit_of, self._clock = place, book, limit_of, clock
        self._asked = asked
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="pacing")
        self._lines = {action: self._line(action) for action in limits.SERVICE_QUOTAS}

    def wait(self, action: str, ending: threading.Event) -> None:
        """Return when `service.Action` may be called; at once where no quota is shared.

        NotAsked when `ending` is set; LedgerUnavailable where the book cannot be reached.
        """
        if line := self._lines.get(action):
            line.wait(ending)

    def throttled(self, action: str) -> None:
        """AWS throttled a call all the same: all who share the quota slow down."""
        if action not in self._lines:
            return
        try:
            factor = self._book.back_off(self._place, action)
        except LedgerUnavailable as error:  # the next call's turn will fail by it, and say so
            log.warning("the back-off of %s is not shared: %s", action, error.what)
            return
        if factor is not None:
            log.warning("AWS throttles %s: down to %.0f %% of its quota", action, 100 * factor)

    def use(self, tries: Mapping[str, int], seconds: float) -> tuple[QuotaUse, ...]:
        """How much of each quota that is within reach so many tries used in this time."""
        quotas = self._book.quotas(self._place)
        used = []
        for action in sorted(set(tries) & set(quotas)):
            quota, factor = quotas[action]
            asked = self._asked_of(action)
            limit = (asked.rate_per_second or quota.limit_per_second) * asked.share
            if limit < UNPACED_PER_SECOND:
                part = tries[action] / limit / max(seconds, 1e-9)
                used.append(
                    QuotaUse(
                        action=action,
                        calls=tries[action],
                        limit_per_second=limit,
                        source="request" if asked.rate_per_second else quota.source,
                        use=round(part, 4),
                        factor=round(factor, 3),
                    )
                )
        return tuple(used)

    def _asked_of(self, action: str) -> Asked:
        """Only what is bought has a rate of the request's own; the share is of every quota."""
        return self._asked if action == BUYING else replace(self._asked, rate_per_second=None)

    def _line(self, action: str) -> Line:
        asked = self._asked_of(action)

        def take(wanted: int) -> tuple[Grant, float] | None:
            return self._book.reserve(
                self._place, action, wanted, asked=asked, local_clock=self._clock
            )

        def reserve(wanted: int) -> tuple[Grant, float]:
            while (taken := take(wanted)) is None:
                self._learn(action)
            return taken

        return Line(reserve, self._clock, self._ahead)

    def _learn(self, action: str) -> None:
        told = self._limit_of(action)
        source: QuotaSource = "service-quotas" if told else "default"
        default = limits.default_quota_per_second(action)
        assert default is not None
        self._book.learn(self._place, action, told or default, source)
