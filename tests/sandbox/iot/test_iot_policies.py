"""Policies, their versions, and what they and things hang on."""

import json

import pytest

NOT_FOUND = "ResourceNotFoundException"


def document(filling: int = 0) -> str:
    """A policy document whose resource is `filling` characters longer."""
    resource = "arn:aws:iot:eu-west-1:123456789012:client/" + "c" * filling
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=4)


def size(text: str) -> int:
    return len("".join(text.split()))


@pytest.fixture
def certificate(bench, iot, make_issuer) -> str:
    """A registered certificate's ARN."""
    pem = make_issuer().issue_pem("device-1")
    return iot.register_certificate_without_ca(certificatePem=pem)["certificateArn"]


def test_policy_comes_back_byte_for_byte(iot):
    """GetPolicy returns the document as it was sent, whitespace included."""
    made = iot.create_policy(policyName="acme-device", policyDocument=document())
    assert made["policyVersionId"] == "1"
    got = iot.get_policy(policyName="acme-device")
    assert got["policyDocument"] == document()
    assert got["policyArn"] == "arn:aws:iot:eu-west-1:123456789012:policy/acme-device"
    assert got["defaultVersionId"] == "1"


def test_policy_of_a_taken_name_is_a_conflict(iot, refusal):
    """The 409 names the policy, even for the same document."""
    arn = iot.create_policy(policyName="p", policyDocument=document())["policyArn"]
    answer = refusal(iot.create_policy, policyName="p", policyDocument=document())
    assert (answer["code"], answer["status"]) == ("ResourceAlreadyExistsException", 409)
    assert (answer["resource_id"], answer["resource_arn"]) == ("p", arn)


@pytest.mark.parametrize("name", ["a policy", "p/q", "p" * 129, "pölicy"])
def test_wrong_policy_name_is_refused(iot, refusal, name):
    """Word characters and +=,.@- of ASCII, 128 at most."""
    answer = refusal(iot.create_policy, policyName=name, policyDocument=document())
    assert answer["code"] == "InvalidRequestException"


def test_policy_size_counts_without_whitespace(iot, refusal):
    """2,048 characters without whitespace are taken, one more is MalformedPolicyException."""
    room = 2_048 - size(document())
    iot.create_policy(policyName="fits", policyDocument=document(room))
    answer = refusal(iot.create_policy, policyName="p", policyDocument=document(room + 1))
    assert (answer["code"], answer["status"]) == ("MalformedPolicyException", 400)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no-json"),
        pytest.param("[]", id="no-object"),
        pytest.param('{"Version": "2012-10-17"}', id="no-statement"),
        pytest.param('{"Version": "2020-01-01", "Statement": []}', id="version"),
    ],
)
def test_malformed_policy_is_refused(iot, refusal, text):
    """What is no policy is MalformedPolicyException, for policies and versions."""
    answer = refusal(iot.create_policy, policyName="p", policyDocument=text)
    assert answer["code"] == "MalformedPolicyException"
    iot.create_policy(policyName="good", policyDocument=document())
    answer = refusal(iot.create_policy_version, policyName="good", policyDocument=text)
    assert answer["code"] == "MalformedPolicyException"


def test_versions_of_a_policy(iot, refusal):
    """Five versions at most; the default one is in force and cannot be deleted."""
    iot.create_policy(policyName="p", policyDocument=document())
    for number in range(1, 5):
        iot.create_policy_version(policyName="p", policyDocument=document(number))
    answer = refusal(iot.create_policy_version, policyName="p", policyDocument=document())
    assert (answer["code"], answer["status"]) == ("VersionsLimitExceededException", 409)
    iot.set_default_policy_version(policyName="p", policyVersionId="3")
    assert iot.get_policy(policyName="p")["policyDocument"] == document(2)
    listed = iot.list_policy_versions(policyName="p")["policyVersions"]
    assert [item["versionId"] for item in listed if item["isDefaultVersion"]] == ["3"]
    default = refusal(iot.delete_policy_version, policyName="p", policyVersionId="3")
    assert default["code"] == "InvalidRequestException"
    iot.delete_policy_version(policyName="p", policyVersionId="5")
    made = iot.create_policy_version(policyName="p", policyDocument=document(9), setAsDefault=True)
    assert (made["policyVersionId"], made["isDefaultVersion"]) == ("6", True)
    got = iot.get_policy_version(policyName="p", policyVersionId="6")
    assert got["policyDocument"] == document(9)


def test_policy_in_use_is_not_deleted(iot, certificate, refusal):
    """DeleteConflictException while it is attached or has further versions."""
    iot.create_policy(policyName="p", policyDocument=document())
    iot.create_policy_version(policyName="p", policyDocument=document(1))
    iot.attach_policy(policyName="p", target=certificate)
    assert refusal(iot.delete_policy, policyName="p")["code"] == "DeleteConflictException"
    iot.detach_policy(policyName="p", target=certificate)
    answer = refusal(iot.delete_policy, policyName="p")
    assert (answer["code"], answer["status"]) == ("DeleteConflictException", 409)
    iot.delete_policy_version(policyName="p", policyVersionId="2")
    iot.delete_policy(policyName="p")
    assert refusal(iot.get_policy, policyName="p")["code"] == NOT_FOUND


def test_detached_policy_takes_a_while_to_let_go(bench, iot, certificate, refusal):
    """`detach_seconds` holds policies, things and certificates back as AWS may."""
    bench.set_knobs(detach_seconds=300)
    iot.create_policy(policyName="p", policyDocument=document())
    iot.create_thing(thingName="d")
    iot.attach_policy(policyName="p", target=certificate)
    iot.attach_thing_principal(thingName="d", principal=certificate)
    iot.detach_policy(policyName="p", target=certificate)
    iot.detach_thing_principal(thingName="d", principal=certificate)
    assert refusal(iot.delete_policy, policyName="p")["code"] == "DeleteConflictException"
    assert refusal(iot.delete_thing, thingName="d")["code"] == "InvalidRequestException"
    bench.clock.advance(301)
    iot.delete_policy(policyName="p")
    iot.delete_thing(thingName="d")
    assert bench.registry.thing("d") is None


def test_attachments_are_listed_from_either_side(iot, certificate):
    """Attaching twice changes nothing, and all four lists agree."""
    arn = iot.create_policy(policyName="p", policyDocument=document())["policyArn"]
    iot.create_thing(thingName="d")
    for _ in range(2):
        iot.attach_policy(policyName="p", target=certificate)
        iot.attach_thing_principal(thingName="d", principal=certificate)
    attached = iot.list_attached_policies(target=certificate)["policies"]
    assert attached == [{"policyName": "p", "policyArn": arn}]
    assert iot.list_targets_for_policy(policyName="p")["targets"] == [certificate]
    assert iot.list_thing_principals(thingName="d")["principals"] == [certificate]
    assert iot.list_principal_things(principal=certificate)["things"] == ["d"]
    objects = iot.list_thing_principals_v2(thingName="d")["thingPrincipalObjects"]
    assert objects == [{"principal": certificate, "thingPrincipalType": "NON_EXCLUSIVE_THING"}]
    things = iot.list_principal_things_v2(principal=certificate)["principalThingObjects"]
    assert things == [{"thingName": "d", "thingPrincipalType": "NON_EXCLUSIVE_THING"}]


def test_older_names_of_the_policy_calls(iot, certificate):
    """AttachPrincipalPolicy and its siblings act on the same attachments."""
    iot.create_policy(policyName="p", policyDocument=document())
    iot.attach_principal_policy(policyName="p", principal=certificate)
    assert iot.list_targets_for_policy(policyName="p")["targets"] == [certificate]
    assert iot.list_policy_principals(policyName="p")["principals"] == [certificate]
    listed = iot.list_principal_policies(principal=certificate)["policies"]
    assert [item["policyName"] for item in listed] == ["p"]
    iot.detach_principal_policy(policyName="p", principal=certificate)
    assert iot.list_attached_policies(target=certificate)["policies"] == []


def test_eleventh_policy_of_a_principal_is_refused(iot, certificate, refusal):
    """Ten policies may hang on one certificate."""
    for number in range(11):
        iot.create_policy(policyName=f"p{number}", policyDocument=document())
    for number in range(10):
        iot.attach_policy(policyName=f"p{number}", target=certificate)
    answer = refusal(iot.attach_policy, policyName="p10", target=certificate)
    assert (answer["code"], answer["status"]) == ("LimitExceededException", 410)
    assert len(iot.list_attached_policies(target=certificate)["policies"]) == 10


def test_exclusive_attachment_is_the_only_one(iot, certificate, refusal):
    """A certificate that is attached exclusively goes on no second thing."""
    iot.create_thing(thingName="d")
    iot.create_thing(thingName="e")
    iot.attach_thing_principal(
        thingName="d", principal=certificate, thingPrincipalType="EXCLUSIVE_THING"
    )
    answer = refusal(iot.attach_thing_principal, thingName="e", principal=certificate)
    assert answer["code"] == "InvalidRequestException"
    assert iot.list_principal_things(principal=certificate)["things"] == ["d"]


def test_attaching_what_is_not_there(iot, certificate, refusal):
    """An absent policy, thing or certificate is a 404; another kind of principal a 400."""
    iot.create_policy(policyName="p", policyDocument=document())
    iot.create_thing(thingName="d")
    absent = certificate[:-64] + "a" * 64
    assert refusal(iot.attach_policy, policyName="q", target=certificate)["code"] == NOT_FOUND
    assert refusal(iot.attach_policy, policyName="p", target=absent)["code"] == NOT_FOUND
    for name, principal in (("e", certificate), ("d", absent)):
        answer = refusal(iot.attach_thing_principal, thingName=name, principal=principal)
        assert answer["code"] == NOT_FOUND
    detach = refusal(iot.detach_thing_principal, thingName="d", principal=certificate)
    assert detach["code"] == NOT_FOUND
    other = refusal(iot.attach_policy, policyName="p", target="eu-west-1:identity")
    assert other["code"] == "InvalidRequestException"


def test_attached_thing_is_not_deleted(iot, certificate, refusal):
    """DeleteThing is an InvalidRequestException while a certificate hangs on the thing."""
    iot.create_thing(thingName="d")
    iot.attach_thing_principal(thingName="d", principal=certificate)
    answer = refusal(iot.delete_thing, thingName="d")
    assert (answer["code"], answer["status"]) == ("InvalidRequestException", 400)
    iot.detach_thing_principal(thingName="d", principal=certificate)
    iot.delete_thing(thingName="d")
    assert refusal(iot.describe_thing, thingName="d")["code"] == NOT_FOUND


def test_policies_are_listed_newest_first(iot):
    """ListPolicies pages by marker."""
    for name in ("a", "b", "c"):
        iot.create_policy(policyName=name, policyDocument=document())
    pages = iot.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    listed = [item["policyName"] for page in pages for item in page["policies"]]
    assert listed == ["c", "b", "a"]
