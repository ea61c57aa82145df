"""AWS IoT's default quotas on devices (aws-semantics rule 30), where they are switched on."""

from collections import deque
from collections.abc import Callable

from birthcert import limits


class Rate:
    """At most so many events in any second."""

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._limit, self._clock = per_second, clock
        self._events: deque[float] = deque()

    def admits(self) -> bool:
        """Count an event, unless it is one too many."""
        now = self._clock()
        while self._events and self._events[0] <= now - 1:
            self._events.popleft()
        if len(self._events) >= self._limit:
            return False
        self._events.append(now)
        return True

    @property
    def is_idle(self) -> bool:
        """Whether nothing happened in the last second."""
        return not self._events or self._events[-1] <= self._clock() - 1


class Quotas:
    """Connections and first registrations a second in one place."""

    def __init__(self, clock: Callable[[], float], *, enforced: bool) -> None:
        self._clock, self._enforced = clock, enforced
        self._connects = Rate(limits.CONNECTS_PER_SECOND, clock)
        self._registrations = Rate(limits.DEVICE_REGISTRATIONS_PER_SECOND, clock)
        self._clients: dict[str, Rate] = {}

    def connect_problem(self, client_id: str) -> str | None:
        """Count a CONNECT; which quota it breaks, or None."""
        if not self._enforced:
            return None
        if not self._connects.admits():
            return f"over {limits.CONNECTS_PER_SECOND} connects a second in the account"
        if not self._client(client_id).admits():
            return (
                f"over {limits.CONNECTS_PER_SECOND_PER_CLIENT_ID} connect a second of {client_id}"
            )
        return None

    def registration_problem(self) -> str | None:
        """Count a device certificate's registration; which quota it breaks, or None."""
        if self._enforced and not self._registrations.admits():
            return f"over {limits.DEVICE_REGISTRATIONS_PER_SECOND} registrations a second"
        return None

    def _client(self, client_id: str) -> Rate:
        if len(self._clients) > 2 * limits.CONNECTS_PER_SECOND:
            self._clients = {key: rate for key, rate in self._clients.items() if not rate.is_idle}
        new = Rate(limits.CONNECTS_PER_SECOND_PER_CLIENT_ID, self._clock)
        return self._clients.setdefault(client_id, new)
