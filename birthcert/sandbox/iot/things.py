"""Things in AWS IoT's registry [26, 32], by name: twenty thousand are looked up flat."""

import uuid
from dataclasses import dataclass, field

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.answers import already_exists, invalid_request, not_found
from birthcert.sandbox.iot.links import Links
from birthcert.sandbox.iot.names import attributes_of, check_attribute_count, check_thing_name
from birthcert.sandbox.iot.paging import page_by_token
from birthcert.sandbox.iot.place import Action, Params, Place, flag, optional_text, structure, text
from birthcert.sandbox.iot.thing_types import ThingTypes


@dataclass
class Thing:
    """A thing; `version` counts its changes."""

    name: str
    arn: str
    thing_type: str | None
    attributes: dict[str, str]
    serial: int
    version: int = 1
    thing_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Things:
    """The book of things; its actions are AWS's, by AWS's names."""

    def __init__(self, place: Place, types: ThingTypes, principals: Links) -> None:
        self._place, self._types, self._principals = place, types, principals
        self.by_name: dict[str, Thing] = {}
        self.actions: dict[str, Action] = {
            "CreateThing": self.create_requested,
            "DescribeThing": self.describe,
            "UpdateThing": self.update_requested,
            "DeleteThing": self.delete,
            "ListThings": self.list_things,
            "DeleteThingType": self.delete_type,
        }

    def create_requested(self, params: Params) -> Params:
        """CreateThing as it comes over HTTP."""
        if params.get("billingGroupName"):
            raise invalid_request(
                "This sandbox takes no billingGroupName here: use AddThingToBillingGroup"
            )
        thing = self.create(
            text(params, "thingName"),
            optional_text(params, "thingTypeName"),
            attributes_of(structure(params, "attributePayload")),
        )
        return {"thingName": thing.name, "thingArn": thing.arn, "thingId": thing.thing_id}

    def create(self, name: str, thing_type: str | None, attributes: dict[str, str]) -> Thing:
        """Make a thing; the same again returns it, another configuration is a 409."""
        check_thing_name(name)
        check_attribute_count(attributes, thing_type)
        known = self.by_name.get(name)
        if known and (known.thing_type, known.attributes) == (thing_type, attributes):
            return known
        if known:
            raise already_exists(
                f"Thing {name} already exists in account with different attributes",
                name,
                known.arn,
            )
        if thing_type:
            self._types.check_usable(thing_type)
        thing = Thing(
            name=name,
            arn=self._place.arn("thing", name),
            thing_type=thing_type,
            attributes=attributes,
            serial=next(self._place.serials),
        )
        self.by_name[name] = thing
        return thing

    def find(self, name: str) -> Thing:
        """The thing of a name; ResourceNotFoundException where there is none."""
        if name not in self.by_name:
            raise not_found(f"Thing {name} not found")
        return self.by_name[name]

    def describe(self, params: Params) -> Params:
        """DescribeThing."""
        thing = self.find(text(params, "thingName"))
        return {
            **_listed(thing),
            "defaultClientId": thing.name,
            "thingId": thing.thing_id,
        }

    def update_requested(self, params: Params) -> Params:
        """UpdateThing as it comes over HTTP."""
        thing = self.find(text(params, "thingName"))
        _check_version(thing, params)
        payload = structure(params, "attributePayload")
        thing_type = optional_text(params, "thingTypeName")
        remove = flag(params, "removeThingType")
        if remove and thing_type:
            raise invalid_request("thingTypeName and removeThingType exclude each other")
        self.update(
            thing,
            thing_type=None if remove else thing_type or thing.thing_type,
            attributes=None if payload is None else attributes_of(payload),
            merge=payload is not None and flag(payload, "merge"),
        )
        return {}

    def update(
        self,
        thing: Thing,
        *,
        thing_type: str | None,
        attributes: dict[str, str] | None,
        merge: bool,
    ) -> None:
        """Set type and attributes; an empty value removes the attribute, None keeps them all."""
        if thing_type and thing_type != thing.thing_type:
            self._types.check_usable(thing_type)
        merged = thing.attributes
        if attributes is not None:
            merged = {**thing.attributes, **attributes} if merge else attributes
        merged = {name: value for name, value in merged.items() if value}
        check_attribute_count(merged, thing_type)
        thing.thing_type, thing.attributes = thing_type, merged
        thing.version += 1
        self._principals.touch(thing.name)

    def delete(self, params: Params) -> Params:
        """DeleteThing: one that is not there succeeds, one with principals is refused [32]."""
        name = text(params, "thingName")
        thing = self.by_name.get(name)
        if thing is None:
            return {}
        _check_version(thing, params)
        if self._principals.holds(name):
            raise invalid_request(
                f"Cannot delete. Thing {name} is still attached to one or more principals"
            )
        del self.by_name[name]
        return {}

    def list_things(self, params: Params) -> Params:
        """ListThings, by attribute and thing type where given."""
        page, token = page_by_token(self._filtered(params), params)
        answer: Params = {"things": [_listed(thing) for thing in page]}
        return answer | ({"nextToken": token} if token else {})

    def _filtered(self, params: Params) -> list[Thing]:
        thing_type = optional_text(params, "thingTypeName")
        name = optional_text(params, "attributeName")
        value = optional_text(params, "attributeValue") or ""
        by_prefix = flag(params, "usePrefixAttributeValue")

        def wanted(thing: Thing) -> bool:
            if thing_type and thing.thing_type != thing_type:
                return False
            given = thing.attributes.get(name, "") if name else value
            return given.startswith(value) if by_prefix else given == value

        return [thing for thing in self.by_name.values() if wanted(thing)]

    def delete_type(self, params: Params) -> Params:
        """DeleteThingType: it stands here because things must be asked first."""
        name = text(params, "thingTypeName")
        in_use = any(thing.thing_type == name for thing in self.by_name.values())
        self._types.delete(name, in_use=in_use)
        return {}


def _check_version(thing: Thing, params: Params) -> None:
    expected = params.get("expectedVersion")
    if expected is not None and expected != thing.version:
        raise AwsError(
            "VersionConflictException",
            f"The version for thing {thing.name} does not match the expected version.",
            status=409,
        )


def _listed(thing: Thing) -> Params:
    listed: Params = {
        "thingName": thing.name,
        "thingArn": thing.arn,
        "attributes": dict(thing.attributes),
        "version": thing.version,
    }
    return listed | ({"thingTypeName": thing.thing_type} if thing.thing_type else {})
