"""What the ledger keeps of a certificate's way, on SQLite and on Postgres alike."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from birthcert.ledger.errors import LedgerConflict
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Delivery, Intent, Known, Record, Refusal, Registration
from birthcert.models import Place

CA = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/one"
PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")


def wanted(*devices: str) -> list[Intent]:
    return [Intent(each, f"csr of {each}", f"key of {each}", "T/V1") for each in devices]


def begin(ledger: Ledger) -> tuple[int, int]:
    batch_id = ledger.begin_batch("acme", PLACE, CA, manifest="fleet.csv", out="out")
    return batch_id, ledger.claim(batch_id)


def states(ledger: Ledger) -> dict[str, str]:
    return {record.device_id: record.state for record in ledger.records()}


def test_intent_to_delivery(ledger: Ledger, clock: Any) -> None:
    """A row goes from intended to delivered and keeps every fact on its way."""
    batch_id, claim = begin(ledger)
    (record,) = ledger.intend(batch_id, claim, wanted("a"))
    assert (record.state, record.mine, record.certificate_arn) == ("intended", True, None)
    assert len(record.token) == 36
    assert ledger.mark_requested(claim, [record.id]) == {record.id: clock.now}
    assert states(ledger) == {"a": "requested"}
    ledger.record(issued=[(record.id, "arn:a")])
    assert states(ledger) == {"a": "issued"}
    end = clock.now + timedelta(days=3)
    ledger.record(delivered=[Delivery(record.id, "0a:1b", clock.now, end)])
    assert next(ledger.records()) == dataclasses.replace(
        record,
        state="delivered",
        certificate_arn="arn:a",
        serial_number="0a:1b",
        not_before=clock.now,
        not_after=end,
        requested_at=clock.now,
        mine=False,
    )


def test_where_devices_may_be_certified(ledger: Ledger) -> None:
    """The places of those that were asked for, by key: intended and refused ones have none."""
    far = PLACE.model_copy(update={"region": "us-east-1"})
    for place, names in ((PLACE, ("a", "b", "c")), (far, ("b", "d"))):
        batch_id = ledger.begin_batch("acme", place, f"{CA} in {place.region}")
        claim = ledger.claim(batch_id)
        rows = ledger.intend(batch_id, claim, wanted(*names))
        ledger.mark_requested(claim, [row.id for row in rows if row.device_id in ("a", "b")])
        ledger.record_refused(batch_id, [Refusal("e", "no CSR")])
    found = ledger.places_of("acme", "abcdef")
    assert found == {"a": {PLACE.key}, "b": {PLACE.key, far.key}}
    assert ledger.places_of("acme", "cdef") == {}
    assert ledger.places_of("globex", "abcdef") == {}


def test_intents_come_back_in_their_order(ledger: Ledger) -> None:
    """Records stand in the order of the intents, whatever order they are kept in."""
    batch_id, claim = begin(ledger)
    names = [f"device-{number}" for number in range(50)]
    records = ledger.intend(batch_id, claim, wanted(*names))
    assert [record.device_id for record in records] == names
    assert len({record.token for record in records}) == 50


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"device_id": "b"}, id="device"),
        pytest.param({"csr_sha256": "another"}, id="csr"),
        pytest.param({"generation": 1}, id="generation"),
    ],
)
def test_another_certificate_has_another_row_and_token(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    """A row stands for one device, CSR and generation."""
    batch_id, claim = begin(ledger)
    (first,) = wanted("a")
    records = ledger.intend(batch_id, claim, [first, dataclasses.replace(first, **change)])
    assert len({record.id for record in records}) == len({each.token for each in records}) == 2


def test_the_same_intent_twice_in_one_call_is_an_error(ledger: Ledger) -> None:
    """Two intents for one certificate are a mistake of the caller."""
    batch_id, claim = begin(ledger)
    with pytest.raises(ValueError, match="same certificate"):
        ledger.intend(batch_id, claim, wanted("a", "a"))


def test_a_later_run_sees_what_an_earlier_one_left(ledger: Ledger) -> None:
    """A row keeps its state, token and ARN; what was not bought takes the new batch's wishes."""
    batch_id, claim = begin(ledger)
    bought, unbought = ledger.intend(batch_id, claim, wanted("a", "b"))
    ledger.mark_requested(claim, [bought.id, unbought.id])
    ledger.record(issued=[(bought.id, "arn:a")], failed=[(unbought.id, "MalformedCSR")])
    ledger.release(claim)
    later, claim = begin(ledger)
    again = [dataclasses.replace(each, template="Other/V1") for each in wanted("a", "b")]
    kept, renewed = ledger.intend(later, claim, again)
    assert (kept.state, kept.certificate_arn, kept.template) == ("issued", "arn:a", "T/V1")
    assert (renewed.state, renewed.template, renewed.batch_id) == ("intended", "Other/V1", later)
    assert (kept.token, renewed.token) == (bought.token, unbought.token)
    assert list(ledger.records(batch_id=later)) == [dataclasses.replace(renewed, mine=False)]


def test_a_token_counts_from_the_first_request(ledger: Ledger, clock: Any) -> None:
    """A repeated request inside five minutes keeps the first moment; a later one starts anew."""
    batch_id, claim = begin(ledger)
    (record,) = ledger.intend(batch_id, claim, wanted("a"))
    first = ledger.mark_requested(claim, [record.id])[record.id]
    clock.now += timedelta(seconds=299)
    assert ledger.mark_requested(claim, [record.id])[record.id] == first
    clock.now += timedelta(seconds=2)
    assert ledger.mark_requested(claim, [record.id])[record.id] == clock.now


def test_withdrawn_and_failed_requests_forget_their_moment(ledger: Ledger, clock: Any) -> None:
    """What AWS was not asked, or judged, is intended again with a fresh token life."""
    batch_id, claim = begin(ledger)
    unasked, judged = ledger.intend(batch_id, claim, wanted("a", "b"))
    ledger.mark_requested(claim, [unasked.id, judged.id])
    ledger.withdraw(claim, [unasked.id])
    ledger.record(failed=[(judged.id, "MalformedCSR")])
    clock.now += timedelta(seconds=10)
    records = ledger.intend(batch_id, claim, wanted("a", "b"))
    assert [(each.state, each.requested_at) for each in records] == [("intended", None)] * 2
    assert set(ledger.mark_requested(claim, [each.id for each in records]).values()) == {clock.now}


def test_reasons_never_unmake_a_purchase(ledger: Ledger) -> None:
    """Failing keeps what may be or was bought; only what was not bought is failed."""
    batch_id, claim = begin(ledger)
    records = ledger.intend(batch_id, claim, wanted("bought", "maybe", "not"))
    ids = [record.id for record in records]
    ledger.mark_requested(claim, ids)
    ledger.record(issued=[(ids[0], "arn:1")])
    ledger.record(failed=[(ids[0], "disk"), (ids[2], "judged")], unanswered=[(ids[1], "lost")])
    assert states(ledger) == {"bought": "issued", "maybe": "requested", "not": "failed"}
    assert {each.reason for each in ledger.records()} == {"disk", "lost", "judged"}


def test_a_second_arn_is_a_conflict_that_loses_nothing(ledger: Ledger) -> None:
    """Two ARNs for one row are named; the first stays, and other rows are written."""
    batch_id, claim = begin(ledger)
    a, b = ledger.intend(batch_id, claim, wanted("a", "b"))
    ledger.record(issued=[(a.id, "arn:1")])
    with pytest.raises(LedgerConflict, match="a has arn:1 and arn:2"):
        ledger.record(issued=[(a.id, "arn:2"), (b.id, "arn:3")])
    assert {each.certificate_arn for each in ledger.records()} == {"arn:1", "arn:3"}


def test_one_arn_for_two_rows_is_refused_by_the_schema(ledger: Ledger) -> None:
    """A certificate belongs to one row."""
    batch_id, claim = begin(ledger)
    a, b = ledger.intend(batch_id, claim, wanted("a", "b"))
    with pytest.raises(LedgerConflict, match="refuses a row"):
        ledger.record(issued=[(a.id, "arn:1"), (b.id, "arn:1")])


def test_refusals_never_touch_what_was_bought(ledger: Ledger) -> None:
    """A refusal is written where there is nothing better; a good CSR later replaces it."""
    batch_id, claim = begin(ledger)
    (bought,) = ledger.intend(batch_id, claim, wanted("a"))
    ledger.record(issued=[(bought.id, "arn:a")])
    refusals = [Refusal("a", "two rows", "csr of a"), Refusal("b", "two keys", "csr of b")]
    ledger.record_refused(batch_id, [*refusals, Refusal("c", "no CSR")])
    assert states(ledger) == {"a": "issued", "b": "refused", "c": "refused"}
    (renewed,) = ledger.intend(batch_id, claim, wanted("b"))
    assert (renewed.state, renewed.reason, renewed.mine) == ("intended", "", True)


def test_delivered_certificates_are_known_again(ledger: Ledger, clock: Any) -> None:
    """Asked by device and CSR, the ledger tells what a report needs of those that are delivered."""
    batch_id, claim = begin(ledger)
    first, second = ledger.intend(batch_id, claim, wanted("a", "b"))
    ledger.record(issued=[(first.id, "arn:a"), (second.id, "arn:b")])
    ledger.record(delivered=[Delivery(first.id, "0a", clock.now, clock.now)])
    asked = [(each, f"csr of {each}") for each in ("a", "b", "c")] + [("a", "another csr")]
    known = ledger.delivered_of(("acme", PLACE.key, CA), "T/V1", asked)
    assert known == {("a", "csr of a"): Known("key of a", "arn:a", "0a", clock.now.isoformat())}
    assert not ledger.delivered_of(("acme", PLACE.key, CA), "Other/V1", asked)
    assert not ledger.delivered_of(("other", PLACE.key, CA), "T/V1", asked)


def test_records_are_chosen_by_what_is_given(ledger: Ledger) -> None:
    """Tenant, place, authority, batch and state each narrow the rows."""
    other = Place(partition="aws", account="123456789012", region="us-east-1")
    for tenant, place, ca in (("acme", PLACE, CA), ("zeta", PLACE, CA), ("acme", other, "ca2")):
        batch_id = ledger.begin_batch(tenant, place, ca)
        claim = ledger.claim(batch_id)
        rows = ledger.intend(batch_id, claim, wanted("a", "b"))
        ledger.mark_requested(claim, [rows[0].id])

    def found(**chosen: Any) -> list[Record]:
        return list(ledger.records(**chosen))

    assert len(found()) == 6
    assert {each.tenant for each in found(tenant="zeta")} == {"zeta"}
    assert len(found(place=PLACE)) == 4
    assert {each.place for each in found(authority_arn="ca2")} == {other.key}
    assert len(found(tenant="acme", states=["requested"])) == 2
    assert len(found(batch_id=batch_id)) == 2


def test_a_batch_says_how_it_ended(ledger: Ledger, clock: Any) -> None:
    """A batch runs until it is ended, with the counts of its devices."""
    batch_id, _ = begin(ledger)
    (batch,) = ledger.batches(tenant="acme")
    assert (batch.state, batch.manifest, batch.ended_at) == ("running", "fleet.csv", None)
    counts = {"requested": 5, "issued": 2, "existing": 1, "refused": 1, "failed": 1}
    ledger.end_batch(batch_id, "partly", counts)
    (batch,) = ledger.batches()
    assert (batch.state, batch.ended_at, batch.failed) == ("partly", clock.now, 1)
    assert ledger.batches(tenant="nobody") == []


def test_authority_and_registration_are_remembered_once(ledger: Ledger) -> None:
    """Remembering again changes nothing but the certificate."""
    known_as = Registration("ab12", "arn:cacert")
    for _ in range(2):
        ledger.remember_authority("acme", PLACE, CA, certificate_pem="PEM", known_as=known_as)
    (known,) = ledger.authorities(tenant="acme")
    assert (known.arn, known.certificate_pem) == (CA, "PEM")
    assert [each.certificate_id for each in known.registrations] == ["ab12"]
