"""Runs a flow's steps one after another and keeps the report's line for each."""

import time
from typing import Any, ParamSpec, Protocol, TypeVar

from prefect import Task
from prefect.client.schemas.objects import State

from birthcert.models import Outcome, Step


class HasOutcome(Protocol):
    """What every step returns: how its resource came about."""

    @property
    def arn(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...


P = ParamSpec("P")
R = TypeVar("R", bound=HasOutcome)


class Runbook:
    """`run(step, ...)` gives the step's model; `steps` tells name, outcome, ARN and seconds."""

    def __init__(self, *, refresh: bool = False) -> None:
        self.steps: list[Step] = []
        self._refresh = refresh
        self._started = time.monotonic()

    def __call__(self, step: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        started = time.monotonic()
        task: Task[Any, Any] = step.with_options(refresh_cache=self._refresh)
        state: State[R] = task(*args, return_state=True, **kwargs)  # type: ignore[assignment]
        result = state.result()
        outcome: Outcome = "cached" if state.name == "Cached" else result.outcome
        seconds = round(time.monotonic() - started, 3)
        self.steps.append(Step(name=step.name, outcome=outcome, arn=result.arn, seconds=seconds))
        return result

    @property
    def made_something(self) -> bool:
        """Whether a step made its resource, in this run or in one that it goes on with."""
        return any(step.outcome != "found" for step in self.steps)

    @property
    def seconds(self) -> float:
        """Since the runbook was opened."""
        return round(time.monotonic() - self._started, 3)
