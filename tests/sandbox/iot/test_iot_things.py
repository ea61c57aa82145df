"""Things and thing types: names, types, attributes, and how they go again."""

import pytest


@pytest.mark.parametrize("name", ["device 1", "device/1", "d" * 129])
def test_wrong_thing_name_is_refused(iot, refusal, name):
    """Letters, digits, colon, underscore and hyphen, 128 at most: for things and their types."""
    assert refusal(iot.create_thing, thingName=name)["code"] == "InvalidRequestException"
    assert refusal(iot.create_thing_type, thingTypeName=name)["code"] == "InvalidRequestException"


def test_thing_is_described(iot):
    """A thing has its type, its attributes and its own name as client id."""
    iot.create_thing_type(thingTypeName="UnifiedAgent")
    made = iot.create_thing(
        thingName="device-1",
        thingTypeName="UnifiedAgent",
        attributePayload={"attributes": {"site": "a"}},
    )
    described = iot.describe_thing(thingName="device-1")
    assert described["thingArn"] == "arn:aws:iot:eu-west-1:123456789012:thing/device-1"
    assert described["thingId"] == made["thingId"]
    assert described["thingTypeName"] == "UnifiedAgent"
    assert described["attributes"] == {"site": "a"}
    assert described["defaultClientId"] == "device-1"
    assert described["version"] == 1


def test_same_thing_again_succeeds_and_another_is_a_conflict(iot, refusal):
    """CreateThing is idempotent for the same configuration alone."""
    first = iot.create_thing(thingName="device-1")
    assert iot.create_thing(thingName="device-1")["thingId"] == first["thingId"]
    answer = refusal(
        iot.create_thing, thingName="device-1", attributePayload={"attributes": {"a": "1"}}
    )
    assert (answer["code"], answer["status"]) == ("ResourceAlreadyExistsException", 409)
    assert answer["resource_arn"] == first["thingArn"]


def test_thing_type_must_exist_and_not_be_deprecated(iot, refusal):
    """An absent type is a 404, a deprecated one an InvalidRequestException."""
    wanted = {"thingName": "device-1", "thingTypeName": "UnifiedAgent"}
    assert refusal(iot.create_thing, **wanted)["status"] == 404
    iot.create_thing_type(thingTypeName="UnifiedAgent")
    iot.deprecate_thing_type(thingTypeName="UnifiedAgent")
    assert refusal(iot.create_thing, **wanted)["code"] == "InvalidRequestException"
    iot.deprecate_thing_type(thingTypeName="UnifiedAgent", undoDeprecate=True)
    iot.create_thing(**wanted)


@pytest.mark.parametrize(
    ("attributes", "thing_type", "accepted"),
    [
        pytest.param(3, None, True, id="three-without-type"),
        pytest.param(4, None, False, id="four-without-type"),
        pytest.param(50, "T", True, id="fifty-with-type"),
        pytest.param(51, "T", False, id="fifty-one-with-type"),
    ],
)
def test_number_of_attributes(bench, iot, refusal, attributes, thing_type, accepted):
    """Three attributes, or fifty where the thing has a type."""
    iot.create_thing_type(thingTypeName="T")
    wanted = {
        "thingName": "device-1",
        "attributePayload": {"attributes": {f"a{number}": "1" for number in range(attributes)}},
        **({"thingTypeName": thing_type} if thing_type else {}),
    }
    if accepted:
        assert iot.create_thing(**wanted)["thingName"] == "device-1"
    else:
        assert refusal(iot.create_thing, **wanted)["code"] == "InvalidRequestException"
    assert (bench.registry.thing("device-1") is not None) == accepted


def test_update_merges_removes_and_counts_versions(iot, refusal):
    """Merge keeps the others, an empty value removes, and a wrong version is a 409."""
    iot.create_thing(thingName="d", attributePayload={"attributes": {"a": "1", "b": "2"}})
    iot.update_thing(
        thingName="d", attributePayload={"attributes": {"a": "", "c": "3"}, "merge": True}
    )
    assert iot.describe_thing(thingName="d")["attributes"] == {"b": "2", "c": "3"}
    iot.update_thing(thingName="d", attributePayload={"attributes": {"d": "4"}}, expectedVersion=2)
    assert iot.describe_thing(thingName="d")["attributes"] == {"d": "4"}
    answer = refusal(iot.update_thing, thingName="d", expectedVersion=2)
    assert (answer["code"], answer["status"]) == ("VersionConflictException", 409)


def test_update_changes_and_removes_the_type(iot, refusal):
    """A type is set and removed, but not both at once."""
    iot.create_thing_type(thingTypeName="T")
    iot.create_thing(thingName="d")
    iot.update_thing(thingName="d", thingTypeName="T")
    assert iot.describe_thing(thingName="d")["thingTypeName"] == "T"
    both = refusal(iot.update_thing, thingName="d", thingTypeName="T", removeThingType=True)
    assert both["code"] == "InvalidRequestException"
    iot.update_thing(thingName="d", removeThingType=True)
    assert "thingTypeName" not in iot.describe_thing(thingName="d")


def test_deleting_an_absent_thing_succeeds(iot, refusal):
    """DeleteThing does not mind, DescribeThing does."""
    iot.create_thing(thingName="d")
    iot.delete_thing(thingName="d")
    iot.delete_thing(thingName="d")
    assert refusal(iot.describe_thing, thingName="d")["status"] == 404


def test_things_are_filtered_and_paged(iot):
    """ListThings by attribute and by type, page by page."""
    iot.create_thing_type(thingTypeName="T")
    for number in range(5):
        iot.create_thing(
            thingName=f"d{number}",
            attributePayload={"attributes": {"parity": "even" if number % 2 == 0 else "odd"}},
            **({"thingTypeName": "T"} if number < 3 else {}),
        )

    def names(**filters):
        pages = iot.get_paginator("list_things").paginate(
            PaginationConfig={"PageSize": 2}, **filters
        )
        return [thing["thingName"] for page in pages for thing in page["things"]]

    assert names() == ["d0", "d1", "d2", "d3", "d4"]
    assert names(thingTypeName="T") == ["d0", "d1", "d2"]
    assert names(attributeName="parity", attributeValue="even") == ["d0", "d2", "d4"]
    assert names(thingTypeName="T", attributeName="parity", attributeValue="odd") == ["d1"]
    prefixed = {"attributeName": "parity", "attributeValue": "e", "usePrefixAttributeValue": True}
    assert names(**prefixed) == ["d0", "d2", "d4"]


def test_same_thing_type_again_succeeds_and_another_is_a_conflict(iot, refusal):
    """CreateThingType is idempotent for the same properties alone."""
    first = iot.create_thing_type(thingTypeName="T")
    assert iot.create_thing_type(thingTypeName="T")["thingTypeId"] == first["thingTypeId"]
    answer = refusal(
        iot.create_thing_type,
        thingTypeName="T",
        thingTypeProperties={"thingTypeDescription": "other"},
    )
    assert (answer["code"], answer["status"]) == ("ResourceAlreadyExistsException", 409)


def test_thing_type_is_deleted_five_minutes_after_its_deprecation(bench, iot, refusal):
    """Deprecated first, then five minutes, then no thing may have it any more."""
    iot.create_thing_type(thingTypeName="T", tags=[{"Key": "OWNER", "Value": "acme"}])
    iot.create_thing(thingName="d", thingTypeName="T")
    assert "deprecated" in refusal(iot.delete_thing_type, thingTypeName="T")["message"]
    iot.deprecate_thing_type(thingTypeName="T")
    metadata = iot.describe_thing_type(thingTypeName="T")["thingTypeMetadata"]
    assert metadata["deprecated"] is True
    answer = refusal(iot.delete_thing_type, thingTypeName="T")
    assert answer["code"] == "InvalidRequestException"
    assert "wait for 5 minutes" in answer["message"]
    bench.clock.advance(301)
    assert "still associated" in refusal(iot.delete_thing_type, thingTypeName="T")["message"]
    iot.delete_thing(thingName="d")
    iot.delete_thing_type(thingTypeName="T")
    assert refusal(iot.describe_thing_type, thingTypeName="T")["status"] == 404


def test_thing_types_are_listed_by_the_start_of_their_name(iot):
    """`thingTypeName` is a prefix."""
    for name in ("UnifiedAgent", "UnifiedGateway", "Other"):
        iot.create_thing_type(thingTypeName=name)
    listed = iot.list_thing_types(thingTypeName="Unified")["thingTypes"]
    assert [item["thingTypeName"] for item in listed] == ["UnifiedAgent", "UnifiedGateway"]


def test_thing_groups_shadows_and_search_of_moto_still_work(bench, iot):
    """What moto has beside the registry goes on working on the registry's things."""
    iot.create_thing_type(thingTypeName="T")
    iot.create_thing(thingName="d", thingTypeName="T")
    iot.create_thing_group(thingGroupName="g")
    iot.add_thing_to_thing_group(thingGroupName="g", thingName="d")
    assert iot.list_things_in_thing_group(thingGroupName="g")["things"] == ["d"]
    found = iot.search_index(queryString="thingTypeName:T")["things"]
    assert [thing["thingName"] for thing in found] == ["d"]
    data = bench.client("iot-data")
    data.update_thing_shadow(thingName="d", payload=b'{"state":{"desired":{"on":true}}}')
    assert b'"on": true' in data.get_thing_shadow(thingName="d")["payload"].read()
