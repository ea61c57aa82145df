"""Connecting with patience: AWS IoT drops a certificate's first connection on purpose [25]."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from birthcert.device.connection import Connection
from birthcert.device.refusals import NotConnected

log = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS: Final = 1.0
TRIES: Final = 5


@dataclass(frozen=True)
class Schedule:
    """Five tries; the first pause is 1 to 1.5 s, each further one about twice as long [25].

    Drawn, so that a fleet that was dropped at once does not come back at once.
    """

    first_pause_seconds: float = FIRST_PAUSE_SECONDS
    tries: int = TRIES
    draw: random.Random = field(default_factory=random.Random)

    def pauses(self) -> Iterator[float]:
        """Seconds before the second try, the third, ..."""
        for number in range(self.tries - 1):
            yield self.first_pause_seconds * 2**number * self.draw.uniform(1.0, 1.5)


@dataclass(frozen=True)
class Dialled:
    """An accepted connection, how many tries it took, and how long the first one lasted."""

    connection: Connection
    attempts: int
    first_attempt_seconds: float


class NotDialled(Exception):
    """No try was accepted: the last one's reason, and how many there were."""

    def __init__(self, reason: NotConnected, attempts: int) -> None:
        super().__init__(str(reason))
        self.reason, self.attempts = reason, attempts


def dial(
    open_once: Callable[[], Connection],
    *,
    schedule: Schedule,
    is_hopeless: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Dialled:
    """Try until a connection is accepted; raises NotDialled.

    What no further try can cure ends it at once. `is_hopeless` is asked after every try but the
    first, whose drop is no sign of anything.
    """
    started, pauses, attempt = time.monotonic(), schedule.pauses(), 0
    first_seconds = 0.0
    while True:
        attempt += 1
        try:
            return Dialled(open_once(), attempt, first_seconds)
        except NotConnected as error:
            reason = error
        first_seconds = first_seconds or time.monotonic() - started
        pause = next(pauses, None)
        if pause is None or not reason.passing or (attempt > 1 and is_hopeless()):
            raise NotDialled(reason, attempt) from reason
        log.info("%s", _what_next(reason, attempt, pause))
        sleep(pause)


def _what_next(reason: NotConnected, attempt: int, pause: float) -> str:
    if attempt == 1 and reason.kind == "dropped":
        return (
            "the first connection was dropped, as AWS IoT does while it provisions a new "
            f"device; connecting again in {pause:.1f} s"
        )
    return f"try {attempt}: {reason.what}; connecting again in {pause:.1f} s"
