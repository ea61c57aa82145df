"""What a CA has issued for itself, in the ledger on SQLite and Postgres."""

from datetime import timedelta
from typing import Any

from birthcert.ledger.ledger import Ledger
from birthcert.models import Place

PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/ca"
CANARY, ROOT = f"{ARN}/certificate/01", f"{ARN}/certificate/02"


def test_a_certificate_is_remembered_once(ledger: Ledger, clock: Any) -> None:
    """What is there already stays as it was; other CAs and places have none of it."""
    ledger.own_book.remember("acme", PLACE, ARN, {CANARY: "canary"})
    ledger.own_book.remember("acme", PLACE, ARN, {ROOT: "authority", CANARY: "canary"})
    ledger.own_book.remember("acme", PLACE, ARN, {})
    assert ledger.own_book.of(PLACE, ARN) == {CANARY: "canary", ROOT: "authority"}
    assert ledger.own_book.of(PLACE, f"{ARN}2") == {}
    assert ledger.own_book.of(PLACE.model_copy(update={"region": "us-east-1"}), ARN) == {}
    assert [each.arn for each in ledger.authorities()] == [ARN]


def test_it_counts_as_bought(ledger: Ledger, clock: Any) -> None:
    """AWS bills a canary like a device's, from the moment on that the ledger knows."""
    ledger.own_book.remember("acme", PLACE, ARN, {CANARY: "canary"})
    assert ledger.count_bought(PLACE) == {ARN: 1}
    assert ledger.count_bought(PLACE, clock() + timedelta(seconds=1)) == {}
    assert ledger.batches() == []
