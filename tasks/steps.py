"""How a provisioning step becomes a Prefect task: retries, persisted result, cache key."""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from pydantic import BaseModel

from birthcert.errors import AwsCallFailed, AwsUnreachable
from birthcert.logs import Work, working_on
from birthcert.models import Place, WhereRequest

P = ParamSpec("P")
R = TypeVar("R")
KEY_VERSION = "v1"
IN_REGION = " · {place.region}"
# what a run asks for, by whose credentials, and how a fact came about do not change what is made
NOT_IDENTITY = {
    "refresh",
    "outcome",
    "account_block",
    "authority_account_block",
    "further_places",
    "old_registration",
}


def step(title: str, *, cached: bool = True) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task named by its function, shown as `title · tenant · region`, its model kept as JSON.

    A cached step is skipped by a later run with the same inputs in the same place; `cached=False`
    is for steps that must look each time. The step's parameters are `request`, then `place`.
    """

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        kind: dict[str, Any] = {"cache_key_fn": step_key} if cached else {"cache_policy": NO_CACHE}
        made: Callable[[Callable[P, R]], Task[P, R]] = task(
            task_run_name=shown(title, function),
            persist_result=True,
            result_serializer="json",
            retries=2,
            retry_delay_seconds=[5, 30],
            retry_condition_fn=worth_a_new_try,
            **kind,
        )
        return made(told(function))

    return decorate


def shown(title: str, function: Callable[..., Any]) -> str:
    """The name of the function's task runs: `title · tenant · region`, the region where known."""
    known = "place" in inspect.signature(function).parameters
    return title + " · {request.tenant}" + (IN_REGION if known else "")


def told(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, its log lines with its tenant, place and name: below every @task.

    Its parameters are `request` and, where it is known by then, `place`.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def door(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs).arguments
        place: Place | None = given.get("place")
        work = Work(given["request"].tenant, place.name if place else "", function.__name__)
        with working_on(work):
            return function(*args, **kwargs)

    return door


def step_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Where, for whom, which step, and a digest of its inputs; independent of the source code."""
    place: Place = parameters["place"]
    request: WhereRequest = parameters["request"]
    inputs = {name: _identity(value) for name, value in sorted(parameters.items())}
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:24]
    return "/".join(
        ("birthcert", KEY_VERSION, place.key, request.tenant, context.task.name, digest)
    )


def worth_a_new_try(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Only what may pass by itself: AWS out of reach or in trouble; never a refusal."""
    try:
        state.result()
    except AwsUnreachable:
        return True
    except AwsCallFailed as failure:
        return failure.status >= 500
    except BaseException:  # noqa: BLE001 - only looked at here, Prefect raises it itself
        return False
    return False


def _identity(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude=NOT_IDENTITY)
    return value
