"""What paces calls to AWS, as the way to AWS sees it."""

import threading
from typing import Protocol


class Pacer(Protocol):
    """Says when a call may start; `action` is `service.Action`. Called from many threads."""

    def wait(self, action: str, ending: threading.Event) -> None:
        """Return when it may; raises NotAsked once `ending` is set."""

    def throttled(self, action: str) -> None:
        """AWS has throttled a call."""
