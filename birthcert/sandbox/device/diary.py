"""Why devices were turned away: AWS keeps it to itself, the sandbox tells."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

KEPT = 10_000
logger = logging.getLogger("birthcert.sandbox.device")


class Diary:
    """Provisioning failures and refused acts, the latest of each; safe from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: deque[dict[str, str]] = deque(maxlen=KEPT)
        self._refusals: deque[dict[str, str]] = deque(maxlen=KEPT)

    def provisioning_failed(self, **facts: str) -> None:
        """A template did not take; `reason` says why."""
        logger.warning("provisioning failed: %s", facts)
        self._note(self._failures, facts)

    def refused(self, **facts: str) -> None:
        """A connection or an act was refused; `reason` says why."""
        logger.info("refused: %s", facts)
        self._note(self._refusals, facts)

    def failures(self) -> list[dict[str, str]]:
        """Provisioning failures, oldest first."""
        with self._lock:
            return list(self._failures)

    def refusals(self) -> list[dict[str, str]]:
        """Refused connections and acts, oldest first."""
        with self._lock:
            return list(self._refusals)

    def _note(self, book: deque[dict[str, str]], facts: dict[str, str]) -> None:
        time = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        with self._lock:
            book.append({**facts, "time": time})
