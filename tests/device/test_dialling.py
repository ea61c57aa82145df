"""When a device tries again, and when it gives up."""

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.device.dialling import NotDialled, Schedule, dial
from birthcert.device.refusals import Kind, NotConnected


class Endpoint:
    """Refuses so many tries in a row, then lets in; keeps the pauses before each."""

    def __init__(self, *refusals: Kind) -> None:
        self._refusals = list(refusals)
        self.pauses: list[float] = []

    def open_once(self) -> Any:
        if self._refusals:
            raise NotConnected(self._refusals.pop(0), "no")
        return "a connection"

    def dial(self, **facts: Any) -> Any:
        return dial(self.open_once, schedule=Schedule(), sleep=self.pauses.append, **facts)


@given(seed=st.integers())
def test_the_pauses_keep_to_the_rule(seed: int) -> None:
    """Five tries; the first pause is 1 to 3 s, and each is longer than the one before [25]."""
    pauses = list(Schedule(draw=random.Random(seed)).pauses())
    assert len(pauses) == 4
    assert 1 <= pauses[0] <= 3
    assert all(low < high for low, high in pairwise(pauses))


def test_the_first_drop_is_survived() -> None:
    """The second try is the accepted one."""
    endpoint = Endpoint("dropped")
    assert endpoint.dial().attempts == 2
    assert len(endpoint.pauses) == 1


@pytest.mark.parametrize("kind", ["dropped", "refused", "silent", "handshake"])
def test_what_may_pass_is_tried_five_times(kind: Kind) -> None:
    """Then the last reason is the answer."""
    with pytest.raises(NotDialled) as raised:
        Endpoint(*[kind] * 9).dial()
    assert (raised.value.attempts, raised.value.reason.kind) == (5, kind)


@pytest.mark.parametrize("kind", ["unresolvable", "unreachable", "server-not-trusted"])
def test_what_no_try_can_cure_ends_at_once(kind: Kind) -> None:
    """One try, no pause."""
    endpoint = Endpoint(kind)
    with pytest.raises(NotDialled) as raised:
        endpoint.dial()
    assert (raised.value.attempts, endpoint.pauses) == (1, [])


def test_a_hopeless_case_is_given_up_after_the_second_try() -> None:
    """The first drop is not yet a reason to ask."""
    with pytest.raises(NotDialled) as raised:
        Endpoint(*["dropped"] * 9).dial(is_hopeless=lambda: True)
    assert raised.value.attempts == 2
