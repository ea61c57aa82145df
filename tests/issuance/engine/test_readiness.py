"""Certificates are asked for when they are likely to be ready."""

import random
from dataclasses import dataclass

import pytest

from birthcert.issuance.readiness import ReadyEstimate, WaitingRoom


@dataclass
class Clock:
    """Seconds that the simulation moves on."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def questions_for(latencies: list[float], *, every: float, answer_seconds: float = 0.03) -> float:
    """Simulate certificates issued at a steady pace; questions per certificate until all came."""
    clock = Clock()
    room = WaitingRoom[int](ReadyEstimate(), clock)
    asked = came = issued = 0
    answers: list[tuple[float, int, float | None, float]] = []
    while came < len(latencies):
        while issued < len(latencies) and issued * every <= clock.now:
            room.add(issued, since=issued * every)
            issued += 1
        while len(answers) < 16 and (due := room.take()):
            item, since = due
            asked += 1
            answers.append((clock.now + answer_seconds, item, since, clock.now))
        for answer in [each for each in answers if each[0] <= clock.now]:
            answers.remove(answer)
            _, item, since, asked_at = answer
            if asked_at - item * every >= latencies[item]:
                came += 1
                room.ready(since, asked_at)
            else:
                room.not_ready(item, since, asked_at)
        clock.now += 0.005
    return asked / len(latencies)


@pytest.mark.parametrize(
    ("shortest", "longest", "every"),
    [
        pytest.param(0.0, 0.0, 0.04, id="at once"),
        pytest.param(2.0, 2.0, 0.04, id="always two seconds"),
        pytest.param(1.0, 3.0, 0.04, id="one to three seconds"),
        pytest.param(1.0, 3.0, 0.0, id="all issued in one burst"),
        pytest.param(12.0, 12.0, 0.04, id="slow"),
    ],
)
def test_about_one_question_a_certificate(shortest: float, longest: float, every: float) -> None:
    """Whatever time AWS takes, GetCertificate is called at most 1.12 times a certificate."""
    draw = random.Random(7)
    latencies = [draw.uniform(shortest, longest) for _ in range(400)]
    assert 1.0 <= questions_for(latencies, every=every) <= 1.12


def test_a_certificate_of_an_earlier_run_is_asked_for_at_once() -> None:
    """Its age is unknown: it waits for nothing and teaches nothing."""
    estimate = ReadyEstimate(seconds=5.0)
    room = WaitingRoom[str](estimate, Clock())
    room.add("fresh", since=0.0)
    room.add("old", since=None)
    assert room.take() == ("old", None)
    room.ready(None, 0.0)
    assert estimate == ReadyEstimate(seconds=5.0)
    assert room.take() is None
    assert room.seconds_to_next() == 5.0


def test_one_question_at_a_time_while_nothing_is_known() -> None:
    """The first certificate of many finds out for all of them."""
    clock = Clock()
    room = WaitingRoom[int](ReadyEstimate(), clock)
    for item in range(10):
        room.add(item, since=0.0)
    clock.now = 1.0
    assert room.take() == (0, 0.0)
    assert room.take() is None
    room.ready(0.0, 1.0)
    assert [room.take() for _ in range(3)] == [(1, 0.0), (2, 0.0), (3, 0.0)]
