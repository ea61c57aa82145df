"""One of AWS's call quotas as all who share it see it: who may start when, and how fast. Pure.

Moments are seconds by one clock, the database's. The quota is a line of starts, `1 / rate` apart:
whoever needs some takes the next ones off its end. So there is nothing to wait for but one's own
start, nobody is passed over, and what a dead process had taken is lost and nothing else.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

QuotaSource = Literal["service-quotas", "default"]

# What one process takes at once: as long as a process that dies can keep others waiting, and as
# long as a back-off takes until it is felt.
LEASE_SECONDS: Final = 0.4
# Where the line is longer, each takes half as many starts, and half again where it is twice so.
LONGEST_LINE_SECONDS: Final = 5.0
# A line this long was written before the database's clock was put back: it begins anew.
IMPOSSIBLE_LINE_SECONDS: Final = 300.0
# From here on no process of ours reaches the quota: nothing is taken, nothing is written.
UNPACED_PER_SECOND: Final = 2_000.0

# Additive increase, multiplicative decrease: parts of the quota.
BACK_OFF: Final = 0.8
RECOVERY_PER_SECOND: Final = 0.01
LEAST_FACTOR: Final = 0.05
# What is throttled this soon after a back-off was started before it was felt.
BACK_OFF_COUNTS_ONCE_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Asked:
    """How much of a quota a run wants: `rate_per_second` in place of AWS's figure, and a share."""

    rate_per_second: float | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Grant:
    """`count` starts from `start` on, `step` seconds apart, given at `now`.

    Not `paced`: the quota is out of reach, and as many may start as will.
    """

    now: float
    start: float
    step: float
    count: int
    paced: bool = True


@dataclass(frozen=True)
class Quota:
    """A quota's limit, since when it is known, how far it is backed off, and its line's end."""

    limit_per_second: float
    source: QuotaSource
    read_at: float
    factor: float = 1.0
    backed_off_at: float = 0.0
    next_free: float = 0.0

    def factor_at(self, now: float) -> float:
        """The part of the limit that is used: it grows back after a throttled call."""
        grown = self.factor + RECOVERY_PER_SECOND * max(0.0, now - self.backed_off_at)
        return min(1.0, grown)

    def rate_at(self, now: float, asked: Asked) -> float:
        """Starts a second that a run with this wish may take off the line."""
        limit = asked.rate_per_second or self.limit_per_second
        return limit * asked.share * self.factor_at(now)

    def reserve(self, now: float, wanted: int, asked: Asked) -> tuple["Quota", Grant]:
        """The quota after the next starts were taken, and these: `wanted` of them at most."""
        rate = self.rate_at(now, asked)
        if rate >= UNPACED_PER_SECOND:
            return self, Grant(now, now, 0.0, wanted, paced=False)
        ahead = self.next_free - now
        start = now if ahead < 0 or ahead > IMPOSSIBLE_LINE_SECONDS else self.next_free
        lease_seconds = LEASE_SECONDS / 2 ** int((start - now) / LONGEST_LINE_SECONDS)
        count = max(1, min(wanted, int(rate * lease_seconds)))
        return replace(self, next_free=start + count / rate), Grant(now, start, 1 / rate, count)

    def back_off(self, now: float) -> "Quota":
        """The quota after AWS throttled a call; many at once count as one."""
        if 0 <= now - self.backed_off_at < BACK_OFF_COUNTS_ONCE_SECONDS:
            return self
        factor = max(LEAST_FACTOR, self.factor_at(now) * BACK_OFF)
        return replace(self, factor=factor, backed_off_at=now)
