"""The price of a batch, agreed to before the first certificate is bought.

A run that waits for approval keeps its process and its place on the worker. One that crashed
while it waited, or later, asks again only if it wants more than what was approved.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from prefect import get_run_logger
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.input.actions import filter_flow_run_input
from prefect.runtime import flow_run
from pydantic import Field

from birthcert.errors import ConfigurationError
from birthcert.issuance.manifest import count_rows
from birthcert.models import (
    FleetPart,
    FleetRequest,
    IssueRequest,
    IssuingAuthority,
    ManifestOptions,
    Place,
)
from birthcert.plan import IssuePlan, check_cost, plan_together
from birthcert.reports import approval_markdown
from birthcert.settings import load_settings
from flows.leftovers import UNATTENDED
from flows.runbook import Runbook
from tasks.access import storage_for
from tasks.authority import find_issuing_authority
from tasks.caller import check_caller
from tasks.planning import price_batch

PATIENCE_SECONDS: Final = 7 * 24 * 3_600
POLL_SECONDS: Final = 2
RESPONSE: Final = re.compile(r"-(?P<certificates>\d+)-\d+-response")


class NotApproved(ConfigurationError):
    """A batch that needs approval did not get it; nothing was bought."""


class Approval(RunInput):
    """The form that Prefect's UI shows where a run waits."""

    approve: bool = Field(default=False, description="Buy these certificates.")


def agree_on_price(request: IssueRequest, place: Place, authority: IssuingAuthority) -> None:
    """Pass where the batch keeps to its cap and needs no approval or has it.

    Raises TooExpensive or NotApproved, before anything was touched.
    """

    def count() -> int:
        return count_rows(
            request.manifest,
            csr_required=request.generate_keys is None,
            storage=storage_for(request, place),
        )

    _agree(request, count, lambda: price_batch(request, place, authority))


def agree_on_fleet_price(request: FleetRequest, parts: Sequence[FleetPart]) -> None:
    """The same for the batches of all places together; each must be there to be priced."""

    def price() -> IssuePlan:
        plan = plan_together([_priced(part) for part in parts if part.devices])
        check_cost(plan.batch, request.max_cost_usd)
        return plan

    devices = sum(part.devices for part in parts)
    if devices:
        _agree(request, lambda: devices, price)


def _priced(part: FleetPart) -> IssuePlan:
    if part.problem:
        raise ConfigurationError(
            f"the batch in {part.name} cannot be priced: {part.problem}",
            remedy="nothing was bought: correct that, or do without a cap and approve the batch",
        )
    run = Runbook()
    place = run(check_caller, part.request).place
    authority = run(find_issuing_authority, part.request, place)
    return price_batch(part.request, place, authority)


def _agree(
    request: ManifestOptions, count: Callable[[], int], price: Callable[[], IssuePlan]
) -> None:
    """Price what needs to be: a large manifest takes minutes, counting its lines seconds."""
    above = None if request.approve else load_settings().approval_above_devices
    if request.max_cost_usd is None and (above is None or count() <= above):
        return
    plan = price()
    if above is not None and plan.batch.certificates > above:
        _wait_for_approval(request, plan)


def _wait_for_approval(request: ManifestOptions, plan: IssuePlan) -> None:
    wanted = plan.batch.certificates
    subject = f"approval-{hashlib.sha256(request.manifest.encode()).hexdigest()[:12]}"
    if wanted <= _approved_before(subject):
        get_run_logger().info("approved already, before this run was cut off")
        return
    if UNATTENDED in flow_run.tags:
        raise _not_approved(plan, "run again with --approve")
    form = Approval.with_initial_data(description=approval_markdown(request.manifest, plan))
    try:
        answer = pause_flow_run(
            wait_for_input=form,
            timeout=PATIENCE_SECONDS,
            poll_interval=POLL_SECONDS,
            key=f"{subject}-{wanted}-{flow_run.run_count}",
        )
    except FlowPauseTimeout:
        raise _not_approved(plan, "nobody answered in seven days: start it again") from None
    if not answer.approve:
        raise _not_approved(plan, "it was refused: split the manifest, or start it again")


def _not_approved(plan: IssuePlan, remedy: str) -> NotApproved:
    batch = plan.batch
    return NotApproved(
        f"{batch.certificates:,} certificates for up to {batch.price_usd:,.2f} USD need approval "
        "(BIRTHCERT_APPROVAL_ABOVE_DEVICES)",
        remedy=f"nothing was bought: {remedy}",
        certificates=batch.certificates,
        price_usd=batch.price_usd,
    )


def _approved_before(subject: str) -> int:
    """The most certificates that someone approved in an earlier attempt at this run.

    Of the same manifest: the run of an inbox has several.
    """
    approved = [0]
    answers: Any = filter_flow_run_input(key_prefix=f"paused-{subject}", limit=200)
    for answer in answers:
        found = RESPONSE.search(answer.key)
        if found and answer.decoded_value.get("approve") is True:
            approved.append(int(found["certificates"]))
    return max(approved)
