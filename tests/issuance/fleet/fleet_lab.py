"""A fleet's request with made-up places, spread; and what came of it by the files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from birthcert.issuance.fleet_parts import Reached, parts_of
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.spreading import spread_manifest
from birthcert.models import FleetParts, FleetRequest, Place
from birthcert.storage.local import LocalFolder
from birthcert.storage.stores import LOCAL

HERE, THERE = "111111111111/eu-west-1", "111111111111/us-east-1"
OTHER = "222222222222/eu-west-1"
IN_HERE, IN_THERE = "aws-111111111111-eu-west-1", "aws-111111111111-us-east-1"


def request_for(folder: Path, manifest: str = "", *names: str, **facts: Any) -> FleetRequest:
    places = [{"account": name[:12], "region": name[13:]} for name in names or (HERE, THERE, OTHER)]
    where = {"tenant": "acme", "manifest": manifest, "out": str(folder / "out")}
    return FleetRequest.model_validate({**where, "places": places, **facts})


def parts_for(request: FleetRequest, *unreached: str) -> FleetParts:
    reached = []
    for where in request.wheres():
        place = Place(partition="aws", account=str(where.account), region=str(where.region))
        is_away = f"{where.account}/{where.region}" in unreached
        reached.append(Reached(where, None, "no route") if is_away else Reached(where, place))
    return parts_of(request, reached, LocalFolder(Path(request.out)))


class Known:
    """A ledger that knows devices, and how often it was asked."""

    def __init__(self, places: Mapping[str, Sequence[str]] | None = None) -> None:
        self._places = places or {}
        self.asked: list[int] = []

    def __call__(self, device_ids: Sequence[str]) -> dict[str, Sequence[str]]:
        self.asked.append(len(device_ids))
        return {name: self._places[name] for name in device_ids if name in self._places}


def spread(request: FleetRequest, known: Known | None = None, *unreached: str) -> FleetParts:
    return spread_manifest(
        request, parts_for(request, *unreached), look_up=known or Known(), storage=LOCAL
    )


def rows_of(parts: FleetParts) -> dict[str, dict[int, str]]:
    """By place, the devices by the number of their row."""
    return {
        part.name: {row.row: row.device_id for row in read_manifest(part.request.manifest)}
        if part.devices
        else {}
        for part in parts.parts
    }


def refusals(request: FleetRequest, name: str = "refused.csv") -> dict[str, str]:
    with (Path(request.out) / name).open(newline="") as stream:
        return {row["device_id"]: row["reason"] for row in csv.DictReader(stream)}
