"""How far a batch is: counts as they come in, the pace of the last minute, the time left. Pure."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final

from birthcert.durations import duration
from birthcert.models import Facts

WINDOW_SECONDS: Final = 60.0


class BatchProgress(Facts):
    """Where a batch stands; counts are devices, `total` None where it is not known.

    `per_second` is the pace of the last minute; `throttled` counts calls.
    """

    tenant: str
    total: int | None
    issued: int
    existing: int
    refused: int
    failed: int
    throttled: int
    per_second: float
    seconds: float

    @property
    def done(self) -> int:
        """Devices of which the outcome is known."""
        return self.issued + self.existing + self.refused + self.failed

    @property
    def percent(self) -> float:
        """Of the devices, 0 to 100; 0 where the total is not known."""
        return min(100.0, 100.0 * self.done / self.total) if self.total else 0.0

    @property
    def seconds_left(self) -> int | None:
        """At this pace; None where nothing tells."""
        if self.total is None or self.per_second <= 0:
            return None
        return round((self.total - self.done) / self.per_second)

    def line(self) -> str:
        """One line for people."""
        parts = [f"{self.done:,} of {self.total:,} devices" if self.total else f"{self.done:,}"]
        parts.append(f"{self.per_second:.1f} a second")
        if self.seconds_left is not None:
            parts.append(f"{duration(self.seconds_left)} left")
        for name in ("throttled", "refused", "failed"):
            if count := getattr(self, name):
                parts.append(f"{count:,} {name}")
        return ", ".join(parts)


Follow = Callable[[BatchProgress], None]


def _nobody(_progress: BatchProgress) -> None:
    """Nobody follows."""


# Who follows the batches of this context beside Prefect: the terminal of a command.
follower: Final[ContextVar[Follow]] = ContextVar("birthcert_follower", default=_nobody)


class Together:
    """Several batches, of `total` devices together, as one for who follows them; for threads."""

    def __init__(self, follow: Follow, total: int) -> None:
        self._follow, self._total = follow, total
        self._latest: dict[str, BatchProgress] = {}
        self._lock = threading.Lock()

    def member(self, name: str) -> Follow:
        """What one of the batches tells its progress to."""

        def told(progress: BatchProgress) -> None:
            with self._lock:
                self._latest[name] = progress
                self._follow(self._sum(progress.tenant))

        return told

    def _sum(self, tenant: str) -> BatchProgress:
        names = ("issued", "existing", "refused", "failed", "throttled", "per_second")
        sums = {name: sum(getattr(each, name) for each in self._latest.values()) for name in names}
        seconds = max(each.seconds for each in self._latest.values())
        return BatchProgress(tenant=tenant, total=self._total, seconds=seconds, **sums)


class Pace:
    """Devices a second over the last minute; told of counts with the clock's time."""

    def __init__(self, now: float) -> None:
        self._started = now
        self._seen: deque[tuple[float, int]] = deque([(now, 0)])

    def per_second(self, done: int, now: float) -> float:
        """The pace now that so many are done."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / (now - since) if now > since else 0.0

    def progress(
        self,
        counts: Mapping[str, int],
        *,
        tenant: str,
        total: int | None,
        throttled: int,
        now: float,
    ) -> BatchProgress:
        """A snapshot; `counts` by `issued`, `existing`, `refused`, `failed`."""
        return BatchProgress(
            tenant=tenant,
            total=total,
            throttled=throttled,
            per_second=round(self.per_second(sum(counts.values()), now), 2),
            seconds=round(now - self._started, 1),
            **counts,
        )
