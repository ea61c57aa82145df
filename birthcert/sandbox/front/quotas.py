"""AWS's default call quotas, enforced with a token bucket per account, region and action."""

import threading
from collections.abc import Callable

from birthcert import limits
from birthcert.sandbox.errors import AwsError

# How much of a second's quota may be spent at once after a pause; AWS does not say its own figure.
BURST_SECONDS = 1.0
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

    def take(self, now: float) -> bool:
        """Whether a token was there at `now` (seconds)."""
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quotas:
    """The default quotas of rules 18 and 30; actions without one are not limited."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str, str], TokenBucket] = {}

    def take(self, account: str, region: str, service: str, action: str) -> None:
        """Spend one call; AwsError, as the service throttles, where the quota is used up."""
        rate = limits.DEFAULT_QUOTAS_PER_SECOND.get(service, {}).get(action)
        if rate is None:
            return
        key = (account, region, service, action)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = TokenBucket(rate, max(1.0, rate * BURST_SECONDS), now)
                self._buckets[key] = bucket
            if not bucket.take(now):
                raise throttling(service)
