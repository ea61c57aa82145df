"""Two runs on one ledger: a row is worked on by one of them."""

import multiprocessing
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from birthcert.ledger import claims
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.liveness import is_gone, process_space
from birthcert.ledger.records import Intent
from birthcert.models import Place

CA = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/one"
PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
FLEET = [Intent(f"device-{n}", f"csr {n}", f"key {n}", "T/V1") for n in range(200)]
fork = multiprocessing.get_context("fork")


def begin(ledger: Ledger) -> tuple[int, int]:
    batch_id = ledger.begin_batch("acme", PLACE, CA)
    return batch_id, ledger.claim(batch_id)


def test_a_claimed_row_is_another_runs(open_ledger: Callable[[], Ledger]) -> None:
    """The second run sees the row, may not mark it, and gets it after the release."""
    first, second = open_ledger(), open_ledger()
    batch, claim = begin(first)
    (mine,) = first.intend(batch, claim, FLEET[:1])
    other_batch, other = begin(second)
    (seen,) = second.intend(other_batch, other, FLEET[:1])
    assert (mine.mine, seen.mine, seen.id) == (True, False, mine.id)
    assert second.mark_requested(other, [mine.id]) == {}
    first.release(claim)
    (taken,) = second.intend(other_batch, other, FLEET[:1])
    assert taken.mine
    assert first.mark_requested(claim, [mine.id]) == {}


@pytest.mark.parametrize(
    "settle",
    [
        pytest.param({"failed": "no"}, id="failed"),
        pytest.param({"unanswered": "lost"}, id="unanswered"),
    ],
)
def test_a_settled_row_is_free(open_ledger: Callable[[], Ledger], settle: dict[str, str]) -> None:
    """What one run has given up another may take while the first still works on other rows."""
    ledger = open_ledger()
    batch, claim = begin(ledger)
    (record,) = ledger.intend(batch, claim, FLEET[:1])
    ledger.mark_requested(claim, [record.id])
    facts: dict[str, Any] = {kind: [(record.id, reason)] for kind, reason in settle.items()}
    ledger.record(**facts)
    (taken,) = ledger.intend(*begin(ledger), FLEET[:1])
    assert taken.mine


def test_a_lease_that_is_not_renewed_ends(open_ledger: Callable[[], Ledger], clock: Any) -> None:
    """Renewing keeps a row; after the lease another run takes it over."""
    ledger = open_ledger()
    batch, claim = begin(ledger)
    ledger.intend(batch, claim, FLEET[:1])
    clock.now += claims.LEASE - timedelta(seconds=1)
    ledger.renew(claim)
    clock.now += claims.LEASE - timedelta(seconds=1)
    other_batch, other = begin(ledger)
    assert not ledger.intend(other_batch, other, FLEET[:1])[0].mine
    clock.now += timedelta(seconds=2)
    ledger.renew(other)
    assert ledger.intend(other_batch, other, FLEET[:1])[0].mine


def test_a_killed_process_frees_its_rows_at_once(
    tmp_path: Path, url: str | None, clock: Any
) -> None:
    """A run that follows a kill does not wait for the dead one's lease."""
    if not process_space():
        pytest.skip("NO /proc HERE: only leases end the claims of killed processes")

    def claim_and_wait(claimed: Any) -> None:
        with Ledger.open(url, tmp_path, clock=clock) as ledger:
            ledger.intend(*begin(ledger), FLEET[:1])
            claimed.set()
            fork.Event().wait()

    claimed = fork.Event()
    process = fork.Process(target=claim_and_wait, args=(claimed,))
    process.start()
    assert claimed.wait(20)
    with Ledger.open(url, tmp_path, clock=clock) as ledger:
        batch, claim = begin(ledger)
        assert not ledger.intend(batch, claim, FLEET[:1])[0].mine
        process.kill()
        process.join()
        assert ledger.intend(batch, claim, FLEET[:1])[0].mine


def test_processes_share_a_fleet_without_a_row_in_common(
    tmp_path: Path, url: str | None, clock: Any
) -> None:
    """Four processes that certify one fleet at once never have a row in common."""
    results: Any = fork.Queue()
    begun = fork.Barrier(4)

    def take_some(number: int) -> None:
        with Ledger.open(url, tmp_path, clock=clock) as ledger:
            batch, claim = begin(ledger)
            begun.wait(20)
            mine = []
            order = FLEET[number * 50 :] + FLEET[: number * 50]
            for start in range(0, 200, 20):
                records = ledger.intend(batch, claim, order[start : start + 20])
                ids = [record.id for record in records if record.mine]
                mine += ledger.mark_requested(claim, ids[::-1])
                ledger.record(issued=[(row_id, f"arn:{row_id}") for row_id in ids[::-1]])
            results.put(mine)
            begun.wait(20)

    processes = [fork.Process(target=take_some, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    taken = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(20)
    # not by exit codes: at exit a fork runs what Prefect registered for its parent
    assert not any(process.is_alive() for process in processes)
    rows = [row for mine in taken for row in mine]
    assert len(rows) == len(set(rows)) == len(FLEET)


def test_only_a_process_known_to_be_gone_is_gone() -> None:
    """Another machine's pids say nothing."""
    process = fork.Process(target=int)
    process.start()
    process.join()
    assert process.pid is not None
    assert is_gone(process_space(), process.pid) == bool(process_space())
    assert not is_gone("another boot/pid:[1]", process.pid)
    assert not is_gone("", process.pid)
