"""The quota book on SQLite and on Postgres: one line for all processes, by the database's clock."""

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.ledger.connection import connect, reading
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.quota_book import LIMIT_LIFE_SECONDS, QuotaBook
from birthcert.ledger.quotas import LEASE_SECONDS, Asked, Grant
from birthcert.models import Place

AWS = Place(partition="aws", account="123456789012", region="eu-west-1")
SANDBOX = AWS.model_copy(update={"sandbox": "0123abcd"})
ISSUE = "acm-pca.IssueCertificate"
fork = multiprocessing.get_context("fork")
Open = Callable[..., QuotaBook]


@pytest.fixture
def open_book(
    open_ledger: Callable[[], Ledger], url: str | None, tmp_path: Path
) -> Callable[..., QuotaBook]:
    """Open the same book again, with a clock of one's own where the database is SQLite."""
    open_ledger()

    def opened(clock: Callable[[], float] = time.time) -> QuotaBook:
        return QuotaBook(connect(url, tmp_path / "state"), clock)

    return opened


def reserve(book: QuotaBook, wanted: int, place: Place = AWS) -> Grant:
    """A grant; the limit must be known."""
    taken = book.reserve(place, ISSUE, wanted, asked=Asked(), local_clock=time.monotonic)
    assert taken is not None
    return taken[0]


def starts_of(grant: Grant) -> list[float]:
    """Its moments, by the database's clock."""
    return [grant.start + number * grant.step for number in range(grant.count)]


def test_a_limit_is_learned_first_and_again_when_it_is_old(open_book: Open) -> None:
    """Nothing is given out before the limit is known; it is asked for anew every quarter hour."""
    book = open_book()
    ask = {"asked": Asked(), "local_clock": time.monotonic}
    assert book.reserve(AWS, ISSUE, 1, **ask) is None
    book.learn(AWS, ISSUE, 25, "default")
    assert book.reserve(AWS, ISSUE, 1, **ask) is not None
    with book._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE quota SET read_at = read_at - {LIMIT_LIFE_SECONDS}")
    assert book.reserve(AWS, ISSUE, 1, **ask) is None


def test_an_increase_keeps_the_line_and_the_back_off(open_book: Open) -> None:
    """A limit that is read anew changes the pace, not who is next."""
    book = open_book()
    book.learn(AWS, ISSUE, 10, "default")
    first = reserve(book, 5)
    book.back_off(AWS, ISSUE)
    book.learn(AWS, ISSUE, 100, "service-quotas")
    second = reserve(book, 5)
    assert second.start >= starts_of(first)[-1] + first.step - 1e-6
    assert second.step == pytest.approx(1 / 80, rel=0.01)
    found, factor = book.quotas(AWS)[ISSUE]
    assert (found.limit_per_second, found.source) == (100, "service-quotas")
    assert factor == pytest.approx(0.8, abs=0.1)


def test_places_and_actions_have_lines_of_their_own(open_book: Open) -> None:
    """What a sandbox's runs take is not missing on AWS, though account and region are the same."""
    book = open_book()
    for place in (AWS, SANDBOX):
        book.learn(place, ISSUE, 1, "default")
    for _ in range(5):
        reserve(book, 1, SANDBOX)
    grant = reserve(book, 1)
    assert grant.start == grant.now
    assert list(book.quotas(AWS)) == [ISSUE]


def test_processes_never_get_the_same_start(open_book: Open) -> None:
    """Four processes that reserve at once get each start once."""
    open_book().learn(AWS, ISSUE, 25, "default")
    taken: Any = fork.Queue()

    def work() -> None:
        book = open_book()
        taken.put([reserve(book, 3) for _ in range(10)])

    processes = [fork.Process(target=work) for _ in range(4)]
    for process in processes:
        process.start()
    # not by exit codes: at exit a fork runs what Prefect registered for its parent
    grants = [grant for _ in processes for grant in taken.get(timeout=60)]
    for process in processes:
        process.join(60)
    starts = sorted(itertools.chain.from_iterable(map(starts_of, grants)))
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert len(grants) == 40
    assert min(gaps) == pytest.approx(0.04, abs=1e-5)


def test_a_killed_process_takes_its_lease_along_and_no_more(open_book: Open) -> None:
    """After kill -9 the others go on right behind what it had taken: no lock, no row of its own."""
    open_book().learn(AWS, ISSUE, 25, "default")
    taken: Any = fork.Queue()

    def take_and_hang() -> None:
        taken.put(reserve(open_book(), 1_000))
        threading.Event().wait()

    process = fork.Process(target=take_and_hang)
    process.start()
    lost = taken.get(timeout=60)
    process.kill()
    process.join(60)
    grant = reserve(open_book(), 1)
    line_end = starts_of(lost)[-1] + lost.step
    assert lost.count * lost.step <= LEASE_SECONDS + 1e-6
    assert grant.start == pytest.approx(max(line_end, grant.now), abs=1e-5)


def test_two_processes_that_take_turns_are_served_alike(open_book: Open) -> None:
    """One that wants a thousand starts gets no more at a time than one that wants ten."""
    greedy, modest = open_book(), open_book()
    greedy.learn(AWS, ISSUE, 25, "default")
    counts = [(reserve(greedy, 1_000).count, reserve(modest, 10).count) for _ in range(5)]
    assert all(greedily == modestly for greedily, modestly in counts)


def test_the_databases_clock_counts(open_book: Open, url: str | None) -> None:
    """Machines whose clocks are years apart stand in one line on Postgres."""
    if url is None:
        pytest.skip("on SQLite the machine's clock is the database's")
    past, future = open_book(lambda: 0.0), open_book(lambda: 1e10)
    past.learn(AWS, ISSUE, 25, "default")
    grants = [reserve(book, 3) for book in (past, future, past, future)]
    starts = [start for grant in grants for start in starts_of(grant)]
    assert starts == sorted(starts)
    assert max(starts) - min(starts) < 60


def test_a_clock_put_back_by_an_hour_stops_nobody(open_book: Open, url: str | None) -> None:
    """After it the line begins anew, once the limit was read again."""
    if url is not None:
        pytest.skip("the clock of Postgres is not ours to put back")
    now = [1e9]
    book = open_book(lambda: now[0])
    book.learn(AWS, ISSUE, 25, "default")
    reserve(book, 10)
    now[0] -= 3_600
    assert book.reserve(AWS, ISSUE, 1, asked=Asked(), local_clock=time.monotonic) is None
    book.learn(AWS, ISSUE, 25, "default")
    assert reserve(book, 1).start == now[0]


def test_a_back_off_is_felt_by_every_process(open_book: Open) -> None:
    """One process is throttled, the other slows down; the second report counts no more."""
    throttled, other = open_book(), open_book()
    throttled.learn(AWS, ISSUE, 25, "default")
    assert throttled.back_off(AWS, ISSUE) == pytest.approx(0.8)
    assert other.back_off(AWS, ISSUE) is None
    assert reserve(other, 1).step == pytest.approx(1 / 20, rel=0.05)


def test_an_unlimited_quota_is_not_written(open_book: Open) -> None:
    """Where nothing is in reach of the limit, a reservation leaves no trace in the database."""
    book = open_book()
    book.learn(AWS, ISSUE, 1e10, "service-quotas")
    with reading(book._engine) as connection:
        before = connection.exec_driver_sql("SELECT * FROM quota").all()
    assert not reserve(book, 100).paced
    with reading(book._engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM quota").all() == before
