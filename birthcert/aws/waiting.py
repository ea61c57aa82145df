"""Waiting for AWS to finish what it has begun."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from birthcert.errors import BirthcertError

Answer = TypeVar("Answer")
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 3.0


class StillWaiting(BirthcertError):
    """AWS had not finished within its own waiter's time."""


def wait_for(
    probe: Callable[[], Answer | None],
    *,
    seconds: float,
    what: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """What `probe` gives as soon as it gives something; StillWaiting after `seconds`."""
    end, pause = clock() + seconds, FIRST_PAUSE_SECONDS
    while (answer := probe()) is None:
        if clock() + pause > end:
            raise StillWaiting(
                f"{what} was not there after {seconds:.0f} s",
                remedy="run the same command again: it goes on from here",
            )
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
    return answer
