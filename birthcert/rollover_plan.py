"""What a rollover would do beside making the successor: issuing moves, old registrations end."""

from collections.abc import Iterator
from typing import Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.registration import find_registration
from birthcert.aws.rollover import count_active, find_replaced_authority
from birthcert.models import (
    OldRegistration,
    Place,
    ReplacedAuthority,
    RolloverRequest,
)
from birthcert.place_plan import PlannedStep, reached_places
from birthcert.preflight import check_rollover

BILLS_ON: Final = "the old CA bills on until you disable and delete it: two CAs are paid until then"


def check_replaced(aws: AwsAccess, request: RolloverRequest, place: Place) -> ReplacedAuthority:
    """The CA to replace; raises what the flow would raise before it makes a successor."""
    check_rollover(request)
    return find_replaced_authority(aws, request, place)


def replacing_steps(
    aws: AwsAccess, request: RolloverRequest, place: Place, old: ReplacedAuthority
) -> Iterator[PlannedStep]:
    """The steps after the successor is ready, those of further places named."""
    yield PlannedStep(
        step="move_issuing",
        action="keep" if old.is_replaced else "make",
        what=f"the successor issues, not {old.arn}",
    )
    yield _ending(aws, old, request.old_registration)
    for there, each in reached_places(request, place):
        ending = _ending(there, old, request.old_registration)
        yield ending.model_copy(update={"place": each.name})


def _ending(aws: AwsAccess, old: ReplacedAuthority, wish: OldRegistration) -> PlannedStep:
    """Where the wish is met already or cannot be met, the registration is kept as it is."""
    description = find_registration(aws, old)
    if description is None:
        return _step("the old CA has no registration", is_kept=True)
    active = count_active(aws, description["certificateId"])
    facts = f"{description['status']}, {active} device certificates of it ACTIVE"
    is_met = wish == "keep" or (wish == "deactivate" and description["status"] == "INACTIVE")
    is_kept = is_met or (wish == "delete" and active > 0)
    return _step(f"{wish} the old registration: {facts}", is_kept=is_kept)


def _step(what: str, *, is_kept: bool) -> PlannedStep:
    return PlannedStep(step="end_old_registration", action="keep" if is_kept else "make", what=what)
