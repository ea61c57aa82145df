"""Runs a flow's steps one after another and keeps the report's line for each."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from prefect import Task
from prefect.client.schemas.objects import State

from birthcert.errors import BirthcertError
from birthcert.interrupts import asked_to_end
from birthcert.models import Outcome, Step
from tasks.steps import IN_REGION

AT_ONCE: Final = 8


class HasOutcome(Protocol):
    """What every step returns: how its resource came about."""

    @property
    def arn(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...


P = ParamSpec("P")
R = TypeVar("R", bound=HasOutcome)
T = TypeVar("T")
U = TypeVar("U")


class Runbook:
    """`run(step, ...)` gives the step's model; `steps` tells name, outcome, ARN and seconds.

    `where` takes the region's place in the names of the task runs; `failed_step` is
    the one that did not end well.
    """

    def __init__(self, *, refresh: bool = False, where: str = "") -> None:
        self.steps: list[Step] = []
        self.failed_step = ""
        self._refresh, self._where = refresh, where
        self._started = time.monotonic()

    def __call__(self, step: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        _end_if_asked()
        started, self.failed_step = time.monotonic(), step.name
        task: Task[Any, Any] = step.with_options(
            refresh_cache=self._refresh, task_run_name=self._named(step)
        )
        state: State[R] = task(*args, return_state=True, **kwargs)  # type: ignore[assignment]
        result = state.result()
        outcome: Outcome = "cached" if state.name == "Cached" else result.outcome
        seconds = round(time.monotonic() - started, 3)
        self.steps.append(Step(name=step.name, outcome=outcome, arn=result.arn, seconds=seconds))
        self.failed_step = ""
        return result

    def _named(self, step: Task[P, R]) -> str:
        name = str(step.task_run_name)
        return f"{name.removesuffix(IN_REGION)} · {self._where}" if self._where else name

    @staticmethod
    def attempt(work: Callable[[], T]) -> T | BirthcertError:
        """What the work gives, or the error that ended it."""
        try:
            return work()
        except BirthcertError as error:
            return error

    @property
    def made_something(self) -> bool:
        """Whether a step made its resource, in this run or in one that it goes on with."""
        return any(step.outcome != "found" for step in self.steps)

    @property
    def seconds(self) -> float:
        """Since the runbook was opened."""
        return round(time.monotonic() - self._started, 3)


def side_by_side(work: Callable[[T], U], items: Sequence[T], *, at_once: int = AT_ONCE) -> list[U]:
    """The work on each item, some at once, in threads of this flow run; results in their order."""
    if not items:
        return []
    with ThreadPoolExecutor(min(len(items), at_once)) as pool:
        running = [pool.submit(copy_context().run, work, item) for item in items]
        try:
            return [each.result() for each in running]
        except BaseException as error:
            if not isinstance(error, Exception):
                _end(running)
            raise


def _end(running: Sequence[Future[U]]) -> None:
    """Pass on the signal of Prefect that ends a run: it reaches the main thread alone."""
    if not asked_to_end.is_set():
        asked_to_end.set()
        wait(running)
        # Prefect sends the signal once more, to the command's own handler: its first
        asked_to_end.clear()


def _end_if_asked() -> None:
    # a signal reaches the main thread alone: the others end between two steps
    if asked_to_end.is_set() and threading.current_thread() is not threading.main_thread():
        raise KeyboardInterrupt
