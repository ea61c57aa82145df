"""The places of a fleet's batch, and what each of them is asked to do."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from birthcert.errors import ConfigurationError
from birthcert.models import FleetPart, FleetParts, FleetRequest, Place, WhereRequest
from birthcert.storage.folder import Folder

MANIFEST: Final = "manifest.jsonl.gz"


class Reached(NamedTuple):
    """A place as it was asked for, and the one that was reached; or the problem."""

    where: WhereRequest
    place: Place | None
    problem: str = ""


def parts_of(request: FleetRequest, reached: Sequence[Reached], folder: Folder) -> FleetParts:
    """A part for each place, in a folder of its own in the output.

    One that could not be reached keeps its devices, if its account is known: they must not be
    certified elsewhere meanwhile. ConfigurationError where it is not known, where no place was
    reached, and where two are one.
    """
    places = [each.place for each in reached if each.place is not None]
    if not places:
        raise ConfigurationError(f"no place can be reached: {reached[0].problem}")
    parts = [_part(request, each, places[0].sandbox, folder) for each in reached]
    names = [part.name for part in parts]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError(
            f"two of the places are {min(twice)}",
            remedy="nothing was touched: name each account and region once",
        )
    return FleetParts(parts=parts)


def manifest_name(place: Place) -> str:
    """Of a place's manifest in the output: `123456789012-eu-west-1/manifest.jsonl.gz`."""
    return f"{place.account}-{place.region}/{MANIFEST}"


def _part(
    request: FleetRequest, reached: Reached, sandbox: str | None, folder: Folder
) -> FleetPart:
    place = reached.place or _asked_for(reached, sandbox)
    name = manifest_name(place)
    where = reached.where.model_copy(update={"account": place.account, "region": place.region})
    batch = request.batch_in(
        where,
        manifest=folder.address(name),
        out=folder.address(name.removesuffix(f"/{MANIFEST}")),
    )
    return FleetPart(request=batch, place=place, problem=reached.problem)


def _asked_for(reached: Reached, sandbox: str | None) -> Place:
    where = reached.where
    if where.account is None:
        raise ConfigurationError(
            f"the place {where.region} cannot be reached: {reached.problem}",
            remedy="nothing was touched: name its account too, and the others go on without it",
        )
    return Place(
        partition=where.partition,
        account=where.account,
        region=str(where.region),
        sandbox=sandbox,
    )
