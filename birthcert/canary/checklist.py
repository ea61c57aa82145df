"""What was proved, one check after another, each with its time."""

import time
from collections.abc import Callable

from birthcert.errors import BirthcertError
from birthcert.models import CanaryCheck


class Skipped(Exception):
    """A check that has nothing to say here; `str()` is the reason."""


class Checklist:
    """Runs checks and keeps how they went; a failed one is kept, not raised."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.checks: list[CanaryCheck] = []

    def prove(self, name: str, proof: Callable[[], str]) -> bool:
        """Whether `proof` held; it returns a detail, and raises BirthcertError or Skipped."""
        started = self._clock()
        try:
            detail, outcome = proof(), "passed"
        except Skipped as reason:
            detail, outcome = str(reason), "skipped"
        except BirthcertError as error:
            detail, outcome = str(error), "failed"
        seconds = round(self._clock() - started, 3)
        facts = {"name": name, "outcome": outcome, "detail": detail, "seconds": seconds}
        self.checks.append(CanaryCheck.model_validate(facts))
        return outcome == "passed"

    def note(self, name: str, detail: str, seconds: float) -> None:
        """Something that passed on the way to a check that is still running."""
        check = CanaryCheck(name=name, outcome="passed", detail=detail, seconds=round(seconds, 3))
        self.checks.append(check)
