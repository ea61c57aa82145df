"""What the command line asks of a Prefect server: registration, an event, the next runs."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.clients import get_events_client
from prefect.events.schemas.events import Event, Resource
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.models import WhereRequest
from birthcert.tenants.events import MANIFEST_ARRIVED, resource_of
from birthcert.tenants.stanza import COMMON_TAG, POOL
from birthcert.walls import TENANT_TAG
from blocks.automations import dead_runs, keep, notifications
from blocks.aws_account import AwsAccount
from blocks.offline_root import OfflineRoot

BLOCKS: Final[tuple[type[Block], ...]] = (AwsAccount, OfflineRoot)


class PrefectUnreachable(BirthcertError):
    """The Prefect server does not answer."""


def register(notification_block: str | None = None) -> list[str]:
    """Make our block types and automations known, or bring them up to date; their names.

    `notification_block` (TYPE/NAME, any notification block of Prefect) is told of refusals,
    failed runs and CAs that near their end. Saves no block. ConfigurationError where it is not
    there, PrefectUnreachable.
    """
    with _server() as client:
        for block in BLOCKS:
            block.register_type_and_schema()
        wanted = dead_runs()
        if notification_block:
            wanted += notifications(_block_id(client, notification_block))
        return [block.get_block_type_name() for block in BLOCKS] + keep(client, wanted)


def make_pool() -> None:
    """The work pool of our deployments, of processes; one that is there stays as it is."""
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
    with _server() as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(pool)


def save_missing_accounts(tenants: Iterable[WhereRequest]) -> list[str]:
    """Save the AWS Account blocks that tenants name and nobody has made yet; their names.

    Each assumes the role `birthcert` in its tenant's account.
    """
    made = []
    with _server() as client:
        for tenant in tenants:
            name, slug = tenant.account_block, AwsAccount.get_block_type_slug()
            if not (name and tenant.account and tenant.region) or _has_block(client, name, slug):
                continue
            role = f"arn:{tenant.partition}:iam::{tenant.account}:role/birthcert"
            AwsAccount(region=tenant.region, role_arn=role).save(name)
            made.append(name)
    return made


def announce_arrival(tenant: str, inbox: str) -> None:
    """Send the event that starts the tenant's inbox deployment; returns when it has arrived."""
    event = Event(
        event=MANIFEST_ARRIVED,
        resource=Resource(
            {"prefect.resource.id": resource_of(tenant), "prefect.resource.name": tenant}
        ),
        payload={"inbox": inbox} if inbox else {},
    )

    async def send() -> None:
        async with get_events_client(checkpoint_every=1) as events:
            await events.emit(event)

    with _server():
        asyncio.run(send())


def next_runs(tenant: str) -> list[tuple[datetime, str]]:
    """When the tenant's deployments run next, and the runs' names, the soonest first."""
    with _server() as client:
        runs = client.read_flow_runs(
            deployment_filter=DeploymentFilter(
                tags=DeploymentFilterTags(all_=[COMMON_TAG, f"{TENANT_TAG}{tenant}"])
            ),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=1,
        )
    return [(run.expected_start_time, run.name) for run in runs if run.expected_start_time]


@contextmanager
def _server() -> Iterator[SyncPrefectClient]:
    if not PREFECT_API_URL.value():
        raise ConfigurationError(
            "no Prefect server is named", remedy="set PREFECT_API_URL, or: prefect config set"
        )
    with get_client(sync_client=True) as client:
        try:
            client.hello()
        except httpx.HTTPError as error:
            raise PrefectUnreachable(
                f"the Prefect server {PREFECT_API_URL.value()} does not answer: {error}",
                remedy="start it, or set PREFECT_API_URL (and PREFECT_API_AUTH_STRING) for it",
            ) from error
        yield client


def _has_block(client: SyncPrefectClient, name: str, type_slug: str) -> bool:
    try:
        client.read_block_document_by_name(name, type_slug)
    except ObjectNotFound:
        return False
    return True


def _block_id(client: SyncPrefectClient, slug: str) -> UUID:
    type_slug, _, name = slug.partition("/")
    try:
        return client.read_block_document_by_name(name, type_slug).id
    except ObjectNotFound as error:
        raise ConfigurationError(
            f"there is no block {slug!r}",
            remedy="make a notification block in Prefect's UI and name it TYPE/NAME, "
            "such as slack-webhook/ops",
        ) from error
