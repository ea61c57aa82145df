"""Flow runs that a dead process left behind: known by a tag, and marked Crashed.

Prefect learns nothing of a `kill -9`: without this such a run is `Running` for ever. It covers
runs that the command line started on this machine; for workers, Prefect has heartbeats
(docs/reconcile.md).
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Crashed

from birthcert.ledger.liveness import is_gone, process_space
from birthcert.status import RunStatus

FLOWS: Final = ("bootstrap", "canary", "fleet", "inbox", "issue", "reconcile")
UNFINISHED: Final = [
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]
TAG: Final = "birthcert:process"
# a run on a server that ends with its command: nobody looks at its pages
UNATTENDED: Final = "birthcert:unattended"
# Prefect gives so many at once
PAGE: Final = 200


def process_tags() -> list[str]:
    """The tag that names this process among all; none where the system does not tell."""
    return [f"{TAG}:{_space_digest()}:{os.getpid()}"] if process_space() else []


def crash_leftovers() -> list[str]:
    """Mark as Crashed our unfinished runs whose process on this machine is gone; their names."""
    with _client() as client:
        left = [run for run in _runs(client, UNFINISHED) if _is_left_behind(run)]
        for run in left:
            client.set_flow_run_state(
                run.id, Crashed(message="The process is gone: run the command again."), force=True
            )
    return [run.name for run in left]


def recent_runs(tenant: str | None) -> list[RunStatus]:
    """Our newest runs, or a tenant's, the newest first."""
    with _client() as client:
        runs = _runs(client, list(StateType))
    statuses = [_status(run) for run in runs]
    return [each for each in statuses if tenant is None or each.tenant == tenant]


def _client() -> SyncPrefectClient:
    return get_client(sync_client=True)


def _runs(client: SyncPrefectClient, states: Sequence[StateType]) -> list[FlowRun]:
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
    return client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(FLOWS))),
        flow_run_filter=FlowRunFilter(state=state),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=PAGE,
    )


def _is_left_behind(run: FlowRun) -> bool:
    for tag in run.tags:
        prefix, _, pid = tag.rpartition(":")
        if prefix == f"{TAG}:{_space_digest()}" and pid.isdecimal():
            return is_gone(process_space(), int(pid))
    return False


def _status(run: FlowRun) -> RunStatus:
    request: Any = run.parameters.get("request")
    tenant = request.get("tenant") if isinstance(request, dict) else None
    return RunStatus(
        id=str(run.id),
        name=run.name,
        tenant=str(tenant or ""),
        state="left behind" if _is_unfinished_and_left(run) else run.state_name or "",
        started_at=run.start_time,
        ended_at=run.end_time,
    )


def _is_unfinished_and_left(run: FlowRun) -> bool:
    return run.state_type in UNFINISHED and _is_left_behind(run)


def _space_digest() -> str:
    return hashlib.sha256(process_space().encode()).hexdigest()[:16]
