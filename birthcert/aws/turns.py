"""What paces calls to AWS, as the way to AWS sees it."""

import threading
from collections.abc import Mapping
from typing import Protocol

from birthcert.models import QuotaUse


class Pacer(Protocol):
    """Says when a call may start; `action` is `service.Action`. Called from many threads."""

    def wait(self, action: str, ending: threading.Event) -> None:
        """Return when it may; raises NotAsked once `ending` is set."""

    def throttled(self, action: str) -> None:
        """AWS has throttled a call."""

    def use(self, tries: Mapping[str, int], seconds: float) -> tuple[QuotaUse, ...]:
        """How much of each quota so many tries by action used in this time."""
