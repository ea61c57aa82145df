"""Steps of a batch over several places: who we are in each, which device goes where, the sum."""

from collections.abc import Sequence
from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from birthcert.aws import caller
from birthcert.errors import BirthcertError
from birthcert.issuance.fleet_parts import Reached, parts_of
from birthcert.issuance.gathering import gather
from birthcert.issuance.spreading import spread_manifest
from birthcert.models import (
    FleetParts,
    FleetPlaceReport,
    FleetReport,
    FleetRequest,
    WhereRequest,
)
from birthcert.storage.stores import Storage, absolute
from birthcert.walls import TenantWall
from tasks.access import aws_in, ledger, region_of, storage_for
from tasks.steps import step, told
from tasks.walls import check_pin, check_request


@step("check the fleet's places", cached=False)
def check_fleet_places(request: FleetRequest) -> FleetParts:
    """Who we are in each; one that cannot be reached stops no other."""
    check_request(request)
    reached = [_reached(where) for where in request.wheres()]
    first = next((each for each in reached if each.place), reached[0])
    aws = aws_in(str(first.where.region), first.where.account_block)
    return parts_of(request, reached, Storage(aws).folder(absolute(request.out)))


@step("spread the manifest", cached=False)
def spread_devices(request: FleetRequest, checked: FleetParts) -> FleetParts:
    """A manifest for each place: a device stays where it is certified."""
    return spread_manifest(
        request,
        checked,
        look_up=partial(ledger().places_of, request.tenant),
        storage=_storage(checked),
    )


@task(
    task_run_name="add up · {request.tenant}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@told
def add_up(
    request: FleetRequest,
    spread: FleetParts,
    places: Sequence[FleetPlaceReport],
    *,
    seconds: float,
) -> FleetReport:
    """One report of all rows, in the manifest's order, and the sum."""
    return gather(request, spread.parts, places, storage=_storage(spread), seconds=seconds)


def _reached(where: WhereRequest) -> Reached:
    where = where.model_copy(update={"region": region_of(where)})
    try:
        place = caller.check_caller(aws_in(str(where.region), where.account_block), where).place
        check_pin(place)
    except TenantWall:
        raise
    except BirthcertError as error:
        return Reached(where, None, str(error))
    return Reached(where, place)


def _storage(checked: FleetParts) -> Storage:
    """Of the first place that was reached: its credentials read the manifest."""
    first = next(part for part in checked.parts if not part.problem)
    return storage_for(first.request, first.place)
