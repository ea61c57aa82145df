"""How often each action was called, and how it ended."""

import threading
from collections import Counter, defaultdict
from typing import Final

OK: Final = "ok"
DROPPED: Final = "dropped"  # the connection ended before any work


class Calls:
    """Counts by `service.Action`, each split into `ok`, `dropped` and AWS's error codes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)

    def count(self, action: str, outcome: str) -> None:
        """One call of `service.Action` ended as `ok`, `dropped` or with an error code."""
        with self._lock:
            self._counts[action][outcome] += 1

    def counts(self) -> dict[str, dict[str, int]]:
        """All counts since the start or the last reset."""
        with self._lock:
            return {action: dict(outcomes) for action, outcomes in sorted(self._counts.items())}

    def reset(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._counts.clear()
