"""When to ask for a certificate that AWS is still issuing, so that one GetCertificate is enough.

IssueCertificate answers with an ARN at once; the certificate follows after a time that AWS does
not promise. The time is learned from the answers: a certificate that was not ready makes the
next ones wait longer, each one that was makes them wait a little less.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

FIRST_GUESS_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 30.0
# Between two questions for one certificate, so that one that takes many polls does not take long
LONGEST_PAUSE_SECONDS: Final = 2.0
SHORTEST_WAIT_SECONDS: Final = 0.02
# A step up for each 22 steps down holds the share of questions asked too early at about 5 %.
_LONGER: Final = 1.25
_SHORTER: Final = 0.99
# Before the first "not yet" nothing is known of the time, and after two in a row little.
_MUCH_LONGER: Final = 2.0
_MUCH_SHORTER: Final = 0.5

Item = TypeVar("Item")


@dataclass
class ReadyEstimate:
    """How old a certificate should be when it is first asked for; may be shared by chunks.

    While it is not `sure`, one question at a time is enough to find out.
    """

    seconds: float = FIRST_GUESS_SECONDS
    sure: bool = False
    _ever_too_early: bool = False

    def was_ready(self, age_seconds: float) -> None:
        """A certificate of this age was there."""
        step = _SHORTER if self._ever_too_early else _MUCH_SHORTER
        self.seconds = max(min(self.seconds, age_seconds * step), SHORTEST_WAIT_SECONDS)
        self.sure = True

    def was_not_ready(self, age_seconds: float) -> None:
        """A certificate of this age was not there yet."""
        step = _LONGER if self.sure else _MUCH_LONGER
        self.seconds = min(max(self.seconds, age_seconds * step), LONGEST_WAIT_SECONDS)
        self.sure, self._ever_too_early = False, True


@dataclass
class WaitingRoom(Generic[Item]):
    """Issued certificates in the order in which they are worth asking for.

    `clock` gives seconds that never go back. An item whose age is unknown (`since` None: an
    earlier run bought it) is asked for at once and teaches nothing.
    """

    estimate: ReadyEstimate
    clock: Callable[[], float]
    _fresh: deque[tuple[float, Item]] = field(default_factory=deque)
    _again: list[tuple[float, int, float | None, Item]] = field(default_factory=list)
    _asked: int = 0
    _number: int = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._again)

    def add(self, item: Item, *, since: float | None) -> None:
        """An item that was issued at `since`, by the clock."""
        if since is None:
            self._ask_again(item, None, self.clock())
        else:
            self._fresh.append((since, item))

    def take(self) -> tuple[Item, float | None] | None:
        """The next item that is due, with its `since`; None where there is none now.

        Each one taken is given back by `ready`, `not_ready` or `dropped`.
        """
        now = self.clock()
        if self._again and self._again[0][0] <= now:
            _, _, since, item = heapq.heappop(self._again)
        elif self._fresh and self._due(self._fresh[0][0]) <= now and self._may_ask(now):
            since, item = self._fresh.popleft()
        else:
            return None
        self._asked += since is not None
        return item, since

    def seconds_to_next(self) -> float | None:
        """How long nothing will be due; None where an answer must come first, or all is empty."""
        moments = [self._again[0][0]] if self._again else []
        if self._fresh and self._may_ask(self._fresh[0][0]):
            moments.append(self._due(self._fresh[0][0]))
        return max(0.0, min(moments) - self.clock()) if moments else None

    def ready(self, since: float | None, asked_at: float) -> None:
        """The item was there when it was asked for."""
        if since is not None:
            self._asked -= 1
            self.estimate.was_ready(asked_at - since)

    def not_ready(self, item: Item, since: float | None, asked_at: float) -> None:
        """The item was not there yet: it waits on."""
        if since is None:
            self._ask_again(item, None, asked_at + LONGEST_PAUSE_SECONDS)
            return
        self._asked -= 1
        self.estimate.was_not_ready(asked_at - since)
        later = asked_at + (asked_at - since) * (_LONGER - 1)
        due = min(max(self._due(since), later), asked_at + LONGEST_PAUSE_SECONDS)
        self._ask_again(item, since, due)

    def dropped(self, since: float | None) -> None:
        """The question failed: the item does not come back."""
        self._asked -= since is not None

    def _due(self, since: float) -> float:
        return since + self.estimate.seconds

    def _may_ask(self, since: float | None) -> bool:
        return since is None or self.estimate.sure or not self._asked

    def _ask_again(self, item: Item, since: float | None, due: float) -> None:
        self._number += 1
        heapq.heappush(self._again, (due, self._number, since, item))
