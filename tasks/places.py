"""The step that looks at a bootstrap's further places before anything is made."""

from birthcert.aws import caller
from birthcert.errors import BirthcertError
from birthcert.models import (
    BootstrapRequest,
    CheckedPlace,
    CheckedPlaces,
    Place,
    PlaceRequest,
    place_requests,
)
from birthcert.preflight import check_places
from birthcert.walls import TenantWall
from tasks.access import aws_in, region_of
from tasks.steps import step
from tasks.walls import check_pin


@step("check further places", cached=False)
def check_further_places(request: BootstrapRequest, place: Place) -> CheckedPlaces:
    """Who we are in each; one that cannot be reached is told, and stops no other."""
    checked = CheckedPlaces(home=place, places=[_checked(each) for each in place_requests(request)])
    check_places(request, checked)
    return checked


def _checked(request: PlaceRequest) -> CheckedPlace:
    region = region_of(request)
    request = request.model_copy(update={"region": region})
    try:
        place = caller.check_caller(aws_in(region, request.account_block), request).place
        check_pin(place)
    except TenantWall:
        raise
    except BirthcertError as error:
        return CheckedPlace(request=request, problem=str(error))
    return CheckedPlace(request=request, place=place)
