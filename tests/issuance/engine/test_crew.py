"""The threads that all chunks of a batch share, and the turn to issue."""

import queue
import threading
from typing import Any

from birthcert.issuance.crew import Ahead, Answers, Crew, Order, Turn
from birthcert.issuance.devices import Device
from birthcert.logs import Work, current_work, working_on


def test_turn_goes_from_chunk_to_chunk_in_order() -> None:
    """One chunk issues at a time; the next in line is told when the one before it has done."""
    turn = Turn()
    first, second, third = (queue.SimpleQueue[Any]() for _ in range(3))
    assert turn.take(first)
    assert not turn.take(second)
    assert not turn.take(third)
    assert not turn.take(second)
    turn.give(first)
    assert second.get(timeout=5) is None
    assert turn.take(second)
    turn.give(second)
    assert turn.take(third)
    assert not turn.take(first)


def test_chunk_that_gives_up_in_line_is_left_out() -> None:
    """A chunk that ends before its turn does not hold up those behind it."""
    turn = Turn()
    first, second, third = (queue.SimpleQueue[Any]() for _ in range(3))
    for answers in (first, second, third):
        turn.take(answers)
    turn.give(second)
    turn.give(first)
    assert turn.take(third)


def test_few_requests_are_written_ahead_of_a_slow_authority() -> None:
    """The groups grow while they take less than a quarter second, and shrink to two a thread."""
    now = [0.0]
    ahead = Ahead(8, clock=lambda: now[0])
    for seconds, count in ((0.1, 16), (0.1, 32), (1.0, 16), (1.0, 8), (1.0, 8)):
        ahead.began(3)
        now[0] += seconds
        for _ in range(3):
            ahead.ended(1)
        assert ahead.count == count


def test_orders_of_a_halted_chunk_are_not_begun() -> None:
    """A call that no thread has begun when its chunk halts is not made."""
    answers: Answers = queue.SimpleQueue()
    halted, called = threading.Event(), []
    with Crew(1) as crew:
        job: Any = object()
        crew.issue(Order(job, called.append, answers, halted.is_set))
        first = answers.get(timeout=5)
        halted.set()
        crew.issue(Order(job, called.append, answers, halted.is_set))
        second = answers.get(timeout=5)
    assert first is not None
    assert second is not None
    assert (first.begun, second.begun) == (True, False)
    assert called == [job]


def test_chunks_of_a_batch_share_the_crew(workshop: Any, fleet: list[Device]) -> None:
    """Two chunks at once with one crew certify each device once."""
    with Crew(4) as crew:
        outcomes: dict[str, Any] = {}
        chunks = [fleet[:20], fleet[20:]]
        threads = [
            threading.Thread(target=lambda c=chunk: outcomes.update(workshop.run(c, crew=crew)))
            for chunk in chunks
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert {each.outcome for each in outcomes.values()} == {"issued"}
    assert workshop.authority.sold() == {device.device_id: 1 for device in fleet}


def test_a_thread_works_on_what_its_order_is_for() -> None:
    """Log lines and counts of a call are those of the step that ordered it."""
    answers: Answers = queue.SimpleQueue()
    job: Any = object()
    with Crew(1) as crew:
        for tenant in ("acme", "globex"):
            with working_on(Work(tenant, "aws:123456789012:eu-west-1", "issue_chunk")):
                order = Order(job, lambda _job: current_work().tenant, answers, lambda: False)
            crew.issue(order)
        found = [answers.get(timeout=5) for _ in range(2)]
    assert [each.result for each in found if each] == ["acme", "globex"]
