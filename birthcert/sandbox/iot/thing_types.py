"""Thing types in AWS IoT's registry [26, 32]."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from birthcert.sandbox.iot.answers import already_exists, invalid_request, not_found
from birthcert.sandbox.iot.names import check_thing_name, tags_of
from birthcert.sandbox.iot.paging import page_by_token
from birthcert.sandbox.iot.place import Action, Params, Place, flag, optional_text, structure, text

SEARCHABLE_ATTRIBUTES: Final = 3


@dataclass
class ThingType:
    """A thing type; `deprecated_at` is None while new things may have it."""

    name: str
    arn: str
    properties: Params
    tags: dict[str, str]
    serial: int
    created_at: datetime
    deprecated_at: datetime | None = None
    thing_type_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class ThingTypes:
    """The book of thing types; its actions are AWS's, by AWS's names."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.by_name: dict[str, ThingType] = {}
        self.actions: dict[str, Action] = {
            "CreateThingType": self.create,
            "DescribeThingType": self.describe,
            "UpdateThingType": self.update,
            "DeprecateThingType": self.deprecate,
            "ListThingTypes": self.list_types,
        }

    def create(self, params: Params) -> Params:
        """CreateThingType: the same again succeeds; other properties are a 409."""
        name = text(params, "thingTypeName")
        check_thing_name(name, "thingTypeName")
        properties = _properties(params)
        known = self.by_name.get(name)
        if known and known.properties != properties:
            raise already_exists(
                f"Thing type {name} already exists in your account with different properties",
                name,
                known.arn,
            )
        if known is None:
            known = ThingType(
                name=name,
                arn=self._place.arn("thingtype", name),
                properties=properties,
                tags=tags_of(params.get("tags")),
                serial=next(self._place.serials),
                created_at=self._place.now(),
            )
            self.by_name[name] = known
        return {
            "thingTypeName": name,
            "thingTypeArn": known.arn,
            "thingTypeId": known.thing_type_id,
        }

    def find(self, name: str) -> ThingType:
        """The thing type of a name; ResourceNotFoundException where there is none."""
        if name not in self.by_name:
            raise not_found(f"Thing type {name} not found")
        return self.by_name[name]

    def check_usable(self, name: str) -> None:
        """For a thing that is to have this type: it is there, and not deprecated."""
        if self.find(name).deprecated_at:
            # the spelling is AWS's own
            raise invalid_request(f"Can not create new thing with depreated thing type:{name}")

    def describe(self, params: Params) -> Params:
        """DescribeThingType."""
        return _described(self.find(text(params, "thingTypeName")))

    def update(self, params: Params) -> Params:
        """UpdateThingType: the properties are replaced."""
        self.find(text(params, "thingTypeName")).properties = _properties(params)
        return {}

    def deprecate(self, params: Params) -> Params:
        """DeprecateThingType, and back with `undoDeprecate`."""
        thing_type = self.find(text(params, "thingTypeName"))
        thing_type.deprecated_at = None if flag(params, "undoDeprecate") else self._place.now()
        return {}

    def delete(self, name: str, *, in_use: bool) -> None:
        """DeleteThingType: deprecated five minutes before, and no thing of that type left [32]."""
        thing_type = self.find(name)
        if thing_type.deprecated_at is None:
            raise invalid_request(f"Cannot delete thing type : {name}. It must be deprecated first")
        age = (self._place.now() - thing_type.deprecated_at).total_seconds()
        if age < self._place.state.knobs.now.thing_type_deletion_seconds:
            raise invalid_request(
                f"Cannot delete thing type : {name}. "
                "Please wait for 5 minutes after deprecation and then retry"
            )
        if in_use:
            raise invalid_request(
                f"Cannot delete thing type : {name}. Things are still associated with it"
            )
        del self.by_name[name]

    def list_types(self, params: Params) -> Params:
        """ListThingTypes; [mem] `thingTypeName` matches from the start of the name."""
        start = optional_text(params, "thingTypeName") or ""
        found = [item for name, item in self.by_name.items() if name.startswith(start)]
        page, token = page_by_token(found, params)
        answer: Params = {"thingTypes": [_described(item) for item in page]}
        return answer | ({"nextToken": token} if token else {})


def _properties(params: Params) -> Params:
    properties = structure(params, "thingTypeProperties") or {}
    searchable = properties.get("searchableAttributes")
    if isinstance(searchable, list) and len(searchable) > SEARCHABLE_ATTRIBUTES:
        raise invalid_request(
            f"A thing type has at most {SEARCHABLE_ATTRIBUTES} searchable attributes"
        )
    return properties


def _described(thing_type: ThingType) -> Params:
    metadata: Params = {
        "deprecated": thing_type.deprecated_at is not None,
        "creationDate": thing_type.created_at,
    }
    if thing_type.deprecated_at:
        metadata["deprecationDate"] = thing_type.deprecated_at
    return {
        "thingTypeName": thing_type.name,
        "thingTypeId": thing_type.thing_type_id,
        "thingTypeArn": thing_type.arn,
        "thingTypeProperties": thing_type.properties,
        "thingTypeMetadata": metadata,
    }
