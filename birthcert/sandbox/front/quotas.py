"""AWS's default call quotas, enforced with a token bucket per account, region and action."""

import threading
from collections.abc import Callable
from typing import Final

from birthcert import limits
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.knobs import KnobBox

# Told for an action that is not limited: the largest value that a quota may have in AWS's model.
NO_LIMIT: Final = 10_000_000_000.0
# The code that each service throttles with; the others follow acm-pca and iot
_THROTTLING_CODES = {
    "iam": "Throttling",
    "sts": "Throttling",
    "s3": "SlowDown",
    "service-quotas": "TooManyRequestsException",
}
_THROTTLING_STATUS = {"s3": 503}


def throttling(service: str) -> AwsError:
    """The answer to one call too many, in the service's words [18, 30]."""
    code = _THROTTLING_CODES.get(service, "ThrottlingException")
    return AwsError(code, "Rate exceeded", status=_THROTTLING_STATUS.get(service, 400))


class TokenBucket:
    """`rate` tokens a second, `burst` at most in store; not safe without a lock around it."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._tokens, self._then = rate, burst, burst, now

    def resize(self, rate: float, burst: float) -> None:
        """Another rate from now on; what is in store stays."""
        self._rate, self._burst = rate, burst

    def take(self, now: float) -> bool:
        """Whether a token was there at `now` (seconds)."""
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quotas:
    """The quotas of rules 18 and 30 where `enforced`, and those that the knob sets in any case."""

    def __init__(self, clock: Callable[[], float], knobs: KnobBox, *, enforced: bool) -> None:
        self._clock, self._knobs, self._enforced = clock, knobs, enforced
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}

    def per_second(self, action: str) -> float | None:
        """The quota of `service.Action` that is in force; None where it is not limited."""
        increased = self._knobs.now.quotas_per_second.get(action)
        default = limits.default_quota_per_second(action) if self._enforced else None
        return increased or default

    def take(self, account: str, region: str, service: str, action: str) -> None:
        """Spend one call; AwsError, as the service throttles, where the quota is used up."""
        name = f"{service}.{action}"
        rate = self.per_second(name)
        if rate is None:
            return
        burst = max(1.0, rate * self._knobs.now.quota_burst_seconds)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(
                (account, region, name), TokenBucket(rate, burst, now)
            )
            bucket.resize(rate, burst)
            if not bucket.take(now):
                raise throttling(service)
