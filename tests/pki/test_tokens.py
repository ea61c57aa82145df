"""Idempotency tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.pki.tokens import idempotency_token

facts = st.lists(st.text(max_size=12), min_size=1, max_size=5)


@given(facts)
def test_a_token_is_36_hex_characters(some: list[str]) -> None:
    """A token fits AWS's field whatever the facts are."""
    token = idempotency_token(*some)
    assert len(token) == 36
    assert set(token) <= set("0123456789abcdef")


@given(facts, facts)
def test_a_token_stands_for_its_facts(some: list[str], others: list[str]) -> None:
    """Two tokens are equal exactly when their facts are."""
    assert (idempotency_token(*some) == idempotency_token(*others)) == (some == others)


def test_where_a_fact_ends_matters() -> None:
    """Facts that join to the same text make different tokens."""
    assert idempotency_token("ab", "c") != idempotency_token("a", "bc")


def test_a_token_stays_the_same_between_releases() -> None:
    """The ledger remembers tokens: their making must not change."""
    assert idempotency_token("acme", "pump-1") == "e7949691214d8b3d33702a21957cf7fc4c28"


def test_a_token_needs_a_fact() -> None:
    """A token of nothing would make all requests one."""
    with pytest.raises(ValueError, match="at least one fact"):
        idempotency_token()
