"""The arithmetic of a shared quota: a line of starts that everyone takes the end of."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.ledger.quotas import (
    BACK_OFF,
    BACK_OFF_COUNTS_ONCE_SECONDS,
    IMPOSSIBLE_LINE_SECONDS,
    LEASE_SECONDS,
    LEAST_FACTOR,
    LONGEST_LINE_SECONDS,
    Asked,
    Quota,
)

NOW = 1_000_000.0
ALL = Asked()


def quota(rate: float = 25.0, **facts: float) -> Quota:
    """A quota that was read just now."""
    return Quota(rate, "default", read_at=NOW, **facts)


def test_starts_follow_each_other_at_the_rate() -> None:
    """Two reservations at one moment stand behind each other, `1 / rate` apart."""
    after, first = quota().reserve(NOW, 5, ALL)
    _, second = after.reserve(NOW, 5, ALL)
    assert (first.start, first.step, first.count) == (NOW, pytest.approx(0.04), 5)
    assert second.start == pytest.approx(NOW + 5 * 0.04)


def test_a_pause_saves_nothing_up() -> None:
    """After a quiet minute the line begins now: no burst."""
    _, grant = quota(next_free=NOW - 60).reserve(NOW, 5, ALL)
    assert grant.start == NOW


def test_a_lease_is_short_in_time() -> None:
    """However many are wanted, a process takes less than half a second's worth."""
    _, grant = quota().reserve(NOW, 1_000, ALL)
    assert grant.count == int(25 * LEASE_SECONDS)


def test_where_many_wait_each_takes_less() -> None:
    """The longer the line, the smaller the leases, down to one start."""
    counts = [
        quota(next_free=NOW + times * LONGEST_LINE_SECONDS + 0.1).reserve(NOW, 1_000, ALL)[1].count
        for times in range(5)
    ]
    assert counts == [10, 5, 2, 1, 1]


def test_a_slow_quota_gives_one_start_at_a_time() -> None:
    """A quota below one start in half a second still goes on."""
    after, grant = quota(0.5).reserve(NOW, 8, ALL)
    assert grant.count == 1
    assert after.next_free == NOW + 2


def test_a_share_leaves_the_rest_to_others() -> None:
    """With a share of 0.8, one start in five is kept free for whoever has not this ledger."""
    _, grant = quota().reserve(NOW, 1, Asked(share=0.8))
    assert grant.step == pytest.approx(1 / 20)


def test_a_run_may_know_better_than_aws() -> None:
    """The rate of the request replaces the limit, in both directions."""
    _, slower = quota().reserve(NOW, 1, Asked(rate_per_second=10))
    _, faster = quota().reserve(NOW, 1, Asked(rate_per_second=100, share=0.5))
    assert (slower.step, faster.step) == (pytest.approx(0.1), pytest.approx(0.02))


def test_a_quota_out_of_reach_costs_no_reservation() -> None:
    """Where no process comes near the limit, the line is not touched."""
    before = quota(1e10)
    after, grant = before.reserve(NOW, 5, ALL)
    assert after == before
    assert not grant.paced


def test_a_clock_that_was_put_back_does_not_stop_everyone() -> None:
    """A line that no run could have made is forgotten."""
    _, grant = quota(next_free=NOW + IMPOSSIBLE_LINE_SECONDS + 1).reserve(NOW, 5, ALL)
    assert grant.start == NOW


def test_many_throttled_calls_at_once_count_as_one() -> None:
    """Twenty calls in flight that are throttled together slow the quota down once."""
    once = quota().back_off(NOW)
    again = once
    for number in range(20):
        again = again.back_off(NOW + number * BACK_OFF_COUNTS_ONCE_SECONDS / 21)
    assert again == once
    assert again.factor == BACK_OFF


def test_the_rate_falls_by_a_part_and_recovers_by_a_step() -> None:
    """Multiplicative decrease, additive increase, up to the whole quota and no further."""
    twice = quota().back_off(NOW).back_off(NOW + 3)
    assert twice.factor == pytest.approx((BACK_OFF + 0.03) * BACK_OFF)
    assert twice.rate_at(NOW + 3, ALL) == pytest.approx(25 * twice.factor)
    assert twice.factor_at(NOW + 13) == pytest.approx(twice.factor + 0.1)
    assert twice.factor_at(NOW + 1_000) == 1.0


def test_a_quota_never_falls_to_nothing() -> None:
    """Whatever AWS throttles, some calls are tried."""
    slow, now = quota(), NOW
    for _ in range(100):
        now += BACK_OFF_COUNTS_ONCE_SECONDS
        slow = slow.back_off(now)
    assert slow.factor >= LEAST_FACTOR


@given(
    rate=st.floats(0.5, 1_000),
    wants=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 500)), max_size=60),
)
def test_no_window_holds_more_starts_than_the_rate(
    rate: float, wants: list[tuple[float, int]]
) -> None:
    """Whoever takes how much when: any two starts are at least `1 / rate` apart."""
    line, now, starts = quota(rate), NOW, []
    for pause, wanted in wants:
        now += pause
        line, grant = line.reserve(now, wanted, ALL)
        assert grant.start >= now
        starts += [grant.start + number * grant.step for number in range(grant.count)]
    assert starts == sorted(starts)
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert min(gaps, default=1 / rate) >= 1 / rate - 1e-8
