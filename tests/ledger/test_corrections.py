"""The ledger put right by what AWS has, on SQLite and Postgres."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from birthcert.ledger.errors import LedgerConflict
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Adoption, Delivery, Intent
from birthcert.models import Place

PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/ca"


def asked(ledger: Ledger, *devices: str, release: bool = True) -> dict[str, int]:
    """Rows of a batch whose answers are out; their ids."""
    batch = ledger.begin_batch("acme", PLACE, ARN)
    claim = ledger.claim(batch)
    records = ledger.intend(batch, claim, [Intent(each, each, each, "T/V1") for each in devices])
    ids = {record.device_id: record.id for record in records}
    ledger.mark_requested(claim, list(ids.values()))
    if release:
        ledger.release(claim)
    return ids


def adoption(row_id: int, name: str, clock: Any) -> Adoption:
    """A certificate of AWS's books."""
    later = clock() + timedelta(days=30)
    return Adoption(row_id, f"{ARN}/certificate/{name}", name, clock(), later, clock())


def row(ledger: Ledger, device: str) -> Any:
    """A device's row."""
    return next(each for each in ledger.records() if each.device_id == device)


def test_a_lost_certificate_is_adopted_once(ledger: Ledger, clock: Any) -> None:
    """The row is issued with all that the certificate tells; another does not replace it."""
    ids = asked(ledger, "a")
    given = adoption(ids["a"], "01", clock)
    assert ledger.adopt([given]) == {ids["a"]}
    found = row(ledger, "a")
    assert (found.state, found.certificate_arn) == ("issued", given.certificate_arn)
    assert (found.serial_number, found.not_after) == ("01", given.not_after)
    assert ledger.adopt([adoption(ids["a"], "02", clock)]) == set()
    assert row(ledger, "a").certificate_arn == given.certificate_arn


def test_a_certificate_belongs_to_one_row(ledger: Ledger, clock: Any) -> None:
    """An ARN that another row has is a conflict, and nothing of the group is written."""
    ids = asked(ledger, "a", "b")
    ledger.adopt([adoption(ids["a"], "01", clock)])
    with pytest.raises(LedgerConflict):
        ledger.adopt([adoption(ids["b"], "01", clock)])
    assert row(ledger, "b").state == "requested"


def test_what_a_living_run_holds_is_left_alone(ledger: Ledger, clock: Any) -> None:
    """It will know the answer itself."""
    ids = asked(ledger, "a", release=False)
    since = row(ledger, "a").requested_at
    assert ledger.adopt([adoption(ids["a"], "01", clock)]) == set()
    assert ledger.release_requests({ids["a"]: since}) == set()
    assert row(ledger, "a").state == "requested"


def test_a_request_is_released_at_its_own_moment(ledger: Ledger, clock: Any) -> None:
    """One that was made anew meanwhile stays; a released one is as if never asked."""
    ids = asked(ledger, "a")
    since = row(ledger, "a").requested_at
    assert ledger.release_requests({ids["a"]: since - timedelta(seconds=1)}) == set()
    assert ledger.release_requests({ids["a"]: since}) == {ids["a"]}
    found = row(ledger, "a")
    assert (found.state, found.requested_at) == ("intended", None)


def test_a_denied_certificate_is_forgotten_and_told(ledger: Ledger, clock: Any) -> None:
    """The row is failed without an ARN, so that the next run buys; the reason names the old one."""
    ids = asked(ledger, "a")
    arn = f"{ARN}/certificate/01"
    ledger.record(issued=[(ids["a"], arn)])
    ledger.record(delivered=[Delivery(ids["a"], "01", clock(), clock() + timedelta(days=1))])
    assert ledger.deny({ids["a"]: "another"}) == set()
    assert ledger.deny({ids["a"]: arn}) == {ids["a"]}
    found = row(ledger, "a")
    assert (found.state, found.certificate_arn, found.serial_number) == ("failed", None, None)
    assert arn in found.reason


def test_rows_are_counted_by_batch_and_state(open_ledger: Callable[[], Ledger], clock: Any) -> None:
    """Another process sees which batches are at work and how far they are."""
    ledger = open_ledger()
    ids = asked(ledger, "a", "b", release=False)
    ledger.record(issued=[(ids["a"], f"{ARN}/certificate/01")])
    batch = row(ledger, "a").batch_id
    asked(ledger, "c")
    other = open_ledger()
    assert other.states_of_batches()[batch] == {"issued": 1, "requested": 1}
    assert other.batches_at_work() == {batch: True}
    clock.now += timedelta(hours=1)
    assert other.batches_at_work() == {batch: False}


def test_rows_are_found_by_their_public_key(ledger: Ledger) -> None:
    """Of many, those of the given hashes."""
    asked(ledger, "a", "b", "c")
    found = ledger.records(public_keys=["b", "nobody's"])
    assert [record.device_id for record in found] == ["b"]
