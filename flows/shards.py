"""A batch handed out in shards: runs of the tenant's deployment `issue-TENANT`, on any worker.

The run that hands them out checks the whole manifest, waits, hands out again what died, and adds
the reports up. Each shard is a batch of its own in the ledger, so whatever dies, nothing is
bought twice.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import AwaitingRetry

from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.issuance.batch import Batch, checked_rows
from birthcert.issuance.manifest import count_rows
from birthcert.issuance.merging import counts_of_shards, merged
from birthcert.issuance.output import OutputFolder
from birthcert.issuance.reading import reader_for
from birthcert.issuance.shards import shards_of
from birthcert.models import IssueRequest, IssuingAuthority, Place, Shard
from birthcert.storage.stores import Storage, absolute
from flows.leftovers import UNATTENDED
from flows.progress import told
from tasks.access import ledger, storage_for

# a run that died is handed out again so often
AGAIN_AT_MOST: Final = 2
POLL_SECONDS: Final = 2.0
PAGE: Final = 100
CLOCKS_DIFFER: Final = timedelta(minutes=5)
log = logging.getLogger("birthcert.shards")


class ShardsFailed(BirthcertError):
    """Runs of shards failed, or died too often; the others are done."""


def wants_shards(request: IssueRequest, storage: Storage) -> bool:
    """Whether the batch is large enough to be handed out; a shard itself is not."""
    if request.shard is not None or request.shard_size is None:
        return False
    csr_required = request.generate_keys is None
    rows = count_rows(request.manifest, csr_required=csr_required, storage=storage)
    return rows > request.shard_size


def certified_in_shards(
    request: IssueRequest, place: Place, authority: IssuingAuthority, out: OutputFolder
) -> Batch:
    """The batch, done by the workers; ShardsFailed where one did not do its part."""
    assert request.shard_size is not None
    deployment = _deployment(request)
    rows = checked_rows(
        request,
        authority.template_body or None,
        rehearse=True,
        read=reader_for(request, place, authority.arn, ledger(), out.helper),
        storage=storage_for(request, place),
    )
    with (
        get_client(sync_client=True) as client,
        Batch(request, place, authority, ledger=ledger(), out=out) as batch,
        told(request, place, batch),
    ):
        handed_out = _HandedOut(deployment, request, out, client)
        for shard in shards_of(rows, out.shard_size(request.shard_size)):
            handed_out.add(shard)
        for _ in handed_out.until_done():
            batch.follow(handed_out.counts())
        batch.record(merged(out, handed_out.shards))
        for shard in handed_out.shards:
            batch.add(out.summary_of(shard))
    return batch


def _deployment(request: IssueRequest) -> str:
    """Whose runs take shards; ConfigurationError where nobody would."""
    name = f"issue/issue-{request.tenant}"
    if UNATTENDED in flow_run.tags:
        raise ConfigurationError(
            "shards need a Prefect server with workers, and none is named",
            remedy="nothing was bought: set PREFECT_API_URL, or leave --shard-size out",
        )
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(name)
        except ObjectNotFound:
            raise ConfigurationError(
                f"there is no deployment {name} to take shards",
                remedy="nothing was bought: prefect --no-prompt deploy --all, or leave "
                "--shard-size out",
            ) from None
    return name


class _HandedOut:
    """The runs of the shards."""

    def __init__(
        self,
        deployment: str,
        request: IssueRequest,
        out: OutputFolder,
        client: SyncPrefectClient,
    ) -> None:
        self._deployment, self._request = deployment, request
        self._out, self._client = out, client
        self._since: datetime | None = None
        self._again: dict[UUID, int] = {}
        self._failed: list[str] = []
        self._open: dict[UUID, Shard] = {}
        self.shards: list[Shard] = []

    def add(self, shard: Shard) -> None:
        """Hand a shard out; what an earlier attempt at this run handed out is taken up again."""
        self.shards.append(shard)
        self._open_run(shard, f"{flow_run.id}:{self._request.manifest}:{shard.label}")

    def until_done(self) -> Iterator[None]:
        """Yields again and again until all shards are done; raises ShardsFailed at the end."""
        while self._open:
            try:
                for run_id, run in self._look().items():
                    self._settle(run_id, run)
            except httpx.HTTPError as error:
                log.warning("the Prefect server does not answer, the shards go on: %s", error)
            yield
            if self._open:
                time.sleep(POLL_SECONDS)
        if self._failed:
            raise ShardsFailed(
                f"{len(self._failed)} of {len(self.shards)} shards failed: {self._failed[0]}",
                remedy="correct the cause, then run the same command again: what was bought "
                "is on file",
                shards=self._failed,
            )

    def counts(self) -> dict[str, int]:
        """What became of the devices so far, by the ledger."""
        assert self._since is not None
        return counts_of_shards(ledger(), self._request, self._out, self.shards, self._since)

    def _open_run(self, shard: Shard, key: str) -> UUID:
        request = self._request.model_copy(
            update={
                "manifest": absolute(self._request.manifest),
                "out": self._out.address,
                "shard": shard,
                "shard_size": None,
                "max_cost_usd": None,
                "approve": True,
            }
        )
        run: Any = run_deployment(
            self._deployment,
            parameters={"request": request.model_dump(mode="json")},
            timeout=0,
            idempotency_key=key,
        )
        self._open[run.id] = shard
        created = run.created or run.expected_start_time
        if created and (self._since is None or created < self._since + CLOCKS_DIFFER):
            self._since = created - CLOCKS_DIFFER
        if run.state and run.state.is_final() and not run.state.is_completed():
            self._run_again(run.id)
        run_id: UUID = run.id
        return run_id

    def _look(self) -> dict[UUID, FlowRun | None]:
        """The open runs as the server has them, None for one that it does not know any more."""
        found: dict[UUID, FlowRun | None] = dict.fromkeys(self._open)
        ids = list(self._open)
        for start in range(0, len(ids), PAGE):
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + PAGE]))
            runs = self._client.read_flow_runs(flow_run_filter=wanted, limit=PAGE)
            found.update({run.id: run for run in runs})
        return found

    def _settle(self, run_id: UUID, run: FlowRun | None) -> None:
        state = run.state if run else None
        if run is None or (state and state.is_crashed()):
            self._after_death(run_id, run)
        elif state and state.is_completed():
            del self._open[run_id]
        elif state and state.is_final():
            self._give_up(run_id, state)

    def _after_death(self, run_id: UUID, run: FlowRun | None) -> None:
        shard = self._open[run_id]
        times = self._again.get(run_id, 0)
        if times >= AGAIN_AT_MOST:
            self._give_up(run_id, run.state if run else None)
            return
        if run is not None and not self._is_crashed(run_id):
            return  # the automation of `birthcert blocks register` was first
        log.warning("the run of rows %s died: it is handed out again", shard.label)
        if run is not None:
            self._again[run_id] = times + 1
            self._run_again(run_id)
            return
        del self._open[run_id]
        self._again[self._open_run(shard, f"{run_id}:again")] = times + 1

    def _is_crashed(self, run_id: UUID) -> bool:
        state = self._client.read_flow_run(run_id).state
        return state is not None and state.is_crashed()

    def _run_again(self, run_id: UUID) -> None:
        state: State[None] = AwaitingRetry(message="The run before was cut off: this one goes on.")
        self._client.set_flow_run_state(run_id, state, force=True)

    def _give_up(self, run_id: UUID, state: State[None] | None) -> None:
        shard = self._open.pop(run_id)
        why = (state.message or state.name) if state else "its run is gone"
        self._failed.append(f"rows {shard.label}: {why}")
        log.error("rows %s: %s", shard.label, why)
