"""Kill runs at random, and once at each call; AWS's books must end as if nothing had happened.

    make torture            # every boundary, then 1,000 random deaths, then the faults
    make torture TORTURE=50 SEED=7

Works on a sandbox of its own with the laboratory of tests/crash/. Stops at the first deviation and
says how to repeat it. A summary goes to standard output, one line a part.
"""

import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "crash"))

from crash_books import assert_certified, assert_no_open_key, assert_nothing_half_written, inventory
from crash_lab import KILLED, RANG, CsrStore, Desk, Fleet, Lab, open_lab

AT_ONCE: Final = {"ca_creation_seconds": 0, "issuance_seconds": [0, 0], "iam_delay_seconds": 0}
IN_TIME: Final = {
    "ca_creation_seconds": 0.1, "issuance_seconds": [0.02, 0.1], "iam_delay_seconds": 0.3
}  # fmt: skip
BATCH: Final = 40
FAULTY_BATCH: Final = 500
# a shorter span hits the start-up alone, a longer one nothing
DEATH_SECONDS: Final = {"bootstrap": 2.0, "issue": 2.5}
FAULTS: Final[dict[str, dict[str, Any]]] = {
    "30 % throttled": {
        "calls": [{"action": "acm-pca.*", "effect": "throttle", "probability": 0.3}]
    },
    "every tenth answer lost": {"calls": [{"effect": "lose_answer", "every": 10}]},
    "503 for 30 %": {
        "calls": [
            {"effect": "error", "status": 503, "code": "ServiceUnavailableException",
             "probability": 0.3}
        ]
    },
    "in progress for 20 polls": {"request_in_progress_polls": 20},
}  # fmt: skip


class Torture:
    """One lab, one bootstrapped account for the batches, and what an undisturbed run makes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.csrs = CsrStore(FAULTY_BATCH)
        self._fleets = itertools.count()
        self.ready = lab.desk()
        with lab.knobs(**AT_ONCE):
            self.calls = len(self.ready.bootstrap().calls)
        self.undisturbed = inventory(self.ready)

    def bootstrap(self, *kills: dict[str, Any]) -> int:
        """Deaths of a bootstrap on a fresh account, then a run that must finish; how many died."""
        desk = self.lab.desk()
        died = sum(desk.bootstrap(kill=kill).code in (KILLED, RANG) for kill in kills)
        run = desk.bootstrap()
        assert (run.code, run.error) == (0, ""), run
        assert inventory(desk) == self.undisturbed
        assert_no_open_key(desk.folder)
        return died

    def issue(self, *kills: dict[str, Any]) -> int:
        """Deaths of a batch, then a run that must finish; how many died."""
        fleet = self.fleet(BATCH)
        died = 0
        for kill in kills:
            died += self.ready.issue(fleet, kill=kill).code in (KILLED, RANG)
            assert_nothing_half_written(fleet)
        assert_certified(self.ready, fleet, self.ready.issue(fleet))
        return died

    def fleet(self, size: int, **options: Any) -> Fleet:
        """Devices that no other run has."""
        name = f"t{next(self._fleets)}"
        return self.csrs.fleet(self.ready.folder, name, size, **options)

    def every_boundary(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Before and after each call of a bootstrap and of a batch."""
        batch_calls = 6 + 2 * BATCH
        for flow, calls in (("bootstrap", self.calls), ("issue", batch_calls)):
            for nth in range(1, calls + 1):
                for moment in ("before", "after"):
                    yield flow, {"moment": moment, "nth": nth}

    def random_deaths(self, draw: random.Random) -> tuple[str, list[dict[str, Any]]]:
        """One to three deaths of one command, at instants or at boundaries."""
        flow = draw.choice(("bootstrap", "issue", "issue"))
        kills: list[dict[str, Any]] = []
        for _ in range(draw.choice((1, 1, 2, 3))):
            if draw.random() < 0.5:
                kills.append({"seconds": draw.uniform(0.02, DEATH_SECONDS[flow])})
            else:
                nth = draw.randint(1, 40 if flow == "bootstrap" else 100)
                kills.append({"moment": draw.choice(("before", "after")), "nth": nth})
        return flow, kills

    def attempt(self, flow: str, *kills: dict[str, Any]) -> int:
        """How many died; exits with what is needed to repeat it where the books differ."""
        try:
            return self.bootstrap(*kills) if flow == "bootstrap" else self.issue(*kills)
        except AssertionError:
            print(f"DEVIATION: {flow} killed at {list(kills)}", flush=True)
            raise


def torture_boundaries(torture: Torture) -> None:
    """Die at every call once."""
    with timed("every boundary") as counts, torture.lab.knobs(**AT_ONCE):
        for flow, kill in torture.every_boundary():
            counts[flow] = counts.get(flow, 0) + torture.attempt(flow, kill)


def torture_at_random(torture: Torture, deaths: int, seed: int) -> None:
    """Die until it is enough; runs that ended before their death are not counted."""
    draw = random.Random(seed)
    with timed(f"random, seed {seed}") as counts, torture.lab.knobs(**IN_TIME):
        while sum(counts.values()) < deaths:
            flow, kills = torture.random_deaths(draw)
            counts[flow] = counts.get(flow, 0) + torture.attempt(flow, *kills)


def torture_with_faults(torture: Torture) -> None:
    """Batches of 500 and a bootstrap on an AWS that misbehaves; nothing is killed."""
    at_once = {name: value for name, value in AT_ONCE.items() if name != "iam_delay_seconds"}
    for name, fault in FAULTS.items():
        fleet = torture.fleet(FAULTY_BATCH, chunk_size=100, threads=16)
        started = time.monotonic()
        with torture.lab.knobs(**at_once, **fault):
            run = torture.ready.issue(fleet)
        assert_certified(torture.ready, fleet, run)
        assert run.report["issued"] == FAULTY_BATCH, run
        print(f"{name}: {FAULTY_BATCH} issued in {time.monotonic() - started:.0f} s", flush=True)
    desk: Desk = torture.lab.desk()
    with torture.lab.knobs(iam_delay_seconds=20), timed("IAM's delay of 20 s"):
        assert not desk.bootstrap().error
    assert inventory(desk) == torture.undisturbed


@contextmanager
def timed(part: str) -> Iterator[dict[str, int]]:
    """Print what a part counted, and how long it took."""
    started, counts = time.monotonic(), dict[str, int]()
    yield counts
    counted = ", ".join(f"{count} deaths of {flow}" for flow, count in sorted(counts.items()))
    print(f"{part}: {counted or 'done'}, in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Everything, on a sandbox of its own."""
    deaths, seed = int(os.environ.get("TORTURE", "1000")), int(os.environ.get("SEED", "1"))
    with (
        tempfile.TemporaryDirectory(prefix="torture-") as folder,
        open_lab(Path(folder)) as lab,
    ):
        torture = Torture(lab)
        torture_with_faults(torture)
        torture_boundaries(torture)
        torture_at_random(torture, deaths, seed)
        assert_no_open_key(torture.ready.folder)
    print("no deviation", flush=True)


if __name__ == "__main__":
    main()
