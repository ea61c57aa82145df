"""What the rest of moto's IoT (thing groups, jobs, shadows, search) sees of our things."""

from collections.abc import Iterator, Mapping
from typing import Any

from moto.iot.exceptions import ResourceNotFoundException
from moto.iot.models import FakeThing, FakeThingType

from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.things import Thing


class MirroredThings(Mapping[str, Any]):
    """A registry's things by ARN, as moto's own objects; these keep the shadows."""

    def __init__(self, registry: IotRegistry) -> None:
        self._registry = registry
        self._twins: dict[str, Any] = {}

    def __getitem__(self, arn: str) -> Any:
        thing = self._registry.thing(arn.rpartition(":thing/")[2])
        if thing is None or thing.arn != arn:
            raise KeyError(arn)
        return self._twin(thing)

    def __iter__(self) -> Iterator[str]:
        return (thing.arn for thing in self._registry.things())

    def __len__(self) -> int:
        return len(self._registry.things())

    def named(self, name: str) -> Any:
        """moto's object for the thing of a name; moto's own 404 where there is none."""
        thing = self._registry.thing(name)
        if thing is None:
            raise ResourceNotFoundException
        return self._twin(thing)

    def _twin(self, thing: Thing) -> Any:
        place = self._registry.place
        twin = self._twins.get(thing.arn)
        if twin is None or twin.thing_id != thing.thing_id:
            twin = self._twins[thing.arn] = FakeThing(
                thing.name, None, {}, place.account, place.region
            )
            twin.thing_id = thing.thing_id
        twin.attributes, twin.version = dict(thing.attributes), thing.version
        twin.thing_type = thing.thing_type and FakeThingType(
            thing.thing_type, {}, place.account, place.region
        )
        return twin
