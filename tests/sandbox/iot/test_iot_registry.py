"""What the registry offers to the device endpoint and to the sandbox's own pages."""

import threading
import urllib.error
import urllib.request

import pytest

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.state import SandboxState

ACCOUNT, REGION = "123456789012", "eu-west-1"


@pytest.fixture
def registry() -> IotRegistry:
    """A registry by itself, without moto."""
    return IotRegistry(SandboxState(), partition="aws", region=REGION, account=ACCOUNT)


def register(registry: IotRegistry, issuer, **more) -> str:
    """Register a CA without more ado; its id."""
    answer = registry.handle(
        "RegisterCACertificate",
        {"caCertificate": issuer.pem, "certificateMode": "SNI_ONLY", **more},
    )
    return str(answer["certificateId"])


def test_signer_is_found_by_name_and_signature(registry, make_issuer):
    """Of two CAs of one name, the one whose key signed is the leaf's."""
    issuer, namesake = make_issuer(), make_issuer()
    identity = register(registry, issuer)
    register(registry, namesake, setAsActive=True)
    assert registry.ca_for(issuer.issue("d")).certificate_id == identity
    assert registry.ca_for(make_issuer().issue("d")) is None
    assert registry.ca_for(make_issuer("Unknown").issue("d")) is None


def test_provisioning_signer_is_preferred(registry, make_issuer):
    """Of two CAs of one name and key, the ACTIVE one with auto-registration is found."""
    first = make_issuer()
    second = make_issuer(key=first.key)
    wanted = register(registry, first, setAsActive=True, allowAutoRegistration=True)
    register(registry, second)
    assert registry.ca_for(second.issue("d")).certificate_id == wanted


def test_listeners_hear_of_all_that_changes_a_connection(registry, make_issuer, policy_document):
    """Status, attachments, default policy versions, thing attributes, and deletion."""
    heard: list[str] = []
    issuer = make_issuer()
    ca_id = register(registry, issuer)
    ca = registry.registered_cas()[0]
    certificate = registry.register_device_certificate(issuer.issue("d"), ca, "PENDING_ACTIVATION")
    identity, arn = certificate.certificate_id, certificate.arn
    registry.create_thing("d", None, {})
    registry.create_policy("p", policy_document)
    registry.subscribe(heard.append)

    def heard_of(change) -> list[str]:
        heard.clear()
        change()
        return list(heard)

    def handle(action, **params):
        return lambda: registry.handle(action, params)

    version = {"policyName": "p", "policyDocument": policy_document, "setAsDefault": True}
    assert heard_of(lambda: registry.attach_policy("p", arn)) == [identity]
    assert heard_of(lambda: registry.attach_thing("d", arn)) == [identity]
    assert heard_of(lambda: registry.set_certificate_status(identity, "ACTIVE")) == [identity]
    assert heard_of(lambda: registry.set_certificate_status(identity, "ACTIVE")) == []
    assert heard_of(handle("CreatePolicyVersion", **version)) == [identity]
    assert heard_of(handle("UpdateThing", thingName="d")) == [identity]
    assert heard_of(handle("UpdateCACertificate", certificateId=ca_id)) == [ca_id]
    assert heard_of(handle("DetachPolicy", policyName="p", target=arn)) == [identity]
    assert heard_of(handle("DetachThingPrincipal", thingName="d", principal=arn)) == [identity]
    registry.set_certificate_status(identity, "INACTIVE")
    assert heard_of(handle("DeleteCertificate", certificateId=identity)) == [identity]
    assert heard_of(handle("DeleteCACertificate", certificateId=ca_id)) == [ca_id]


def test_listener_is_called_outside_the_lock(registry, make_issuer):
    """A listener may wait for another thread that uses the registry."""
    answers: list[int] = []

    def listen(_identity: str) -> None:
        other = threading.Thread(target=lambda: answers.append(len(registry.registered_cas())))
        other.start()
        other.join(timeout=5)

    registry.subscribe(listen)
    register(registry, make_issuer())
    assert answers == [1]


def test_attached_documents_and_things_of_a_certificate(registry, make_issuer, policy_document):
    """`policies_of` and `things_of` give what authorization needs."""
    issuer = make_issuer()
    register(registry, issuer)
    ca = registry.registered_cas()[0]
    arn = registry.register_device_certificate(issuer.issue("d"), ca, "ACTIVE").arn
    assert (registry.policies_of(arn), registry.things_of(arn)) == ([], [])
    registry.create_policy("p", policy_document)
    registry.create_thing("d", None, {})
    registry.attach_policy("p", arn)
    registry.attach_thing("d", arn)
    assert registry.policies_of(arn) == [policy_document]
    assert registry.things_of(arn) == ["d"]
    assert registry.policy_document("p") == policy_document
    assert registry.policy_document("q") is None


def test_device_certificate_is_entered_once(registry, make_issuer):
    """Two connections that register one certificate at the same time: one gets the 409."""
    issuer = make_issuer()
    register(registry, issuer)
    ca, leaf = registry.registered_cas()[0], issuer.issue("d")
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def connect() -> None:
        start.wait(timeout=5)
        try:
            registry.register_device_certificate(leaf, ca, "PENDING_ACTIVATION")
            outcomes.append("registered")
        except AwsError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=connect) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
    assert sorted(outcomes) == ["ResourceAlreadyExistsException"] * 7 + ["registered"]


def test_update_thing_sets_the_type_and_merges_attributes(registry):
    """The provisioning's own way to change a thing that exists."""
    registry.handle("CreateThingType", {"thingTypeName": "T"})
    assert registry.thing_type_exists("T")
    assert not registry.thing_type_exists("U")
    registry.create_thing("d", None, {"a": "1"})
    registry.update_thing("d", thing_type="T", attributes={"b": "2"}, merge=True)
    thing = registry.thing("d")
    assert (thing.thing_type, thing.attributes) == ("T", {"a": "1", "b": "2"})
    registry.update_thing("d", thing_type=None, attributes=None)
    assert (thing.thing_type, thing.attributes) == (None, {"a": "1", "b": "2"})


def test_books_hold_all_that_is_registered(bench, iot, make_issuer, policy_document):
    """The three books name CA, thing and certificate, and what hangs on what."""
    issuer = make_issuer()
    config = bench.config()
    ca_id = bench.register(
        iot,
        issuer,
        setAsActive=True,
        registrationConfig=config,
        tags=[{"Key": "OWNER", "Value": "acme"}],
    )
    answer = iot.register_certificate(certificatePem=issuer.issue_pem("d"), setAsActive=True)
    iot.create_thing(thingName="d")
    iot.create_policy(policyName="p", policyDocument=policy_document)
    iot.attach_policy(policyName="p", target=answer["certificateArn"])
    iot.attach_thing_principal(thingName="d", principal=answer["certificateArn"])
    books = bench.registry.books()
    where = {"account": ACCOUNT, "region": REGION}
    assert books["registrations"] == [
        {
            "certificate_id": ca_id,
            "arn": f"arn:aws:iot:{REGION}:{ACCOUNT}:cacert/{ca_id}",
            "authority_subject": "CN=Acme device CA",
            "status": "ACTIVE",
            "auto_registration": "DISABLE",
            "mode": "DEFAULT",
            "role_arn": config["roleArn"],
            "template_body": config["templateBody"],
            "tags": {"OWNER": "acme"},
            **where,
        }
    ]
    assert books["things"] == [
        {
            "name": "d",
            "type": None,
            "attributes": {},
            "principals": [answer["certificateArn"]],
            **where,
        }
    ]
    assert books["device_certificates"] == [
        {
            "certificate_id": answer["certificateId"],
            "arn": answer["certificateArn"],
            "status": "ACTIVE",
            "ca_certificate_id": ca_id,
            "things": ["d"],
            "policies": ["p"],
            "subject": "CN=d",
            **where,
        }
    ]


def test_data_endpoint_is_the_sandbox_own(bench, iot, refusal):
    """iot:Data-ATS gives the device endpoint, other types a name that resolves nowhere."""
    bench.state.device_endpoint = lambda account, region: (f"{region}.test", 8883)
    assert iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"] == f"{REGION}.test"
    for kind in ({}, {"endpointType": "iot:Jobs"}, {"endpointType": "iot:CredentialProvider"}):
        assert iot.describe_endpoint(**kind)["endpointAddress"].endswith(".invalid")
    answer = refusal(iot.describe_endpoint, endpointType="iot:Nonsense")
    assert answer["code"] == "InvalidRequestException"


def test_accounts_and_regions_have_registries_of_their_own(bench):
    """A thing in one place is in no other; ARNs carry the partition."""
    bench.client("iot").create_thing(thingName="d")
    for other in ({"region": "us-east-1"}, {"account": "999999999999"}):
        assert bench.client("iot", **other).list_things()["things"] == []
    china = bench.client("iot", region="cn-north-1").create_thing(thingName="d")
    assert china["thingArn"] == f"arn:aws-cn:iot:cn-north-1:{ACCOUNT}:thing/d"


def test_request_that_is_no_json_is_refused(bench, iot):
    """A garbled body is AWS's 400, not an error of the sandbox's own."""
    request = urllib.request.Request(
        f"{iot.meta.endpoint_url}/things/d",
        data=b'["not an object"]',
        method="POST",
        headers={
            "Content-Type": "application/json",
            "x-moto-account-id": ACCOUNT,
            "Authorization": "AWS4-HMAC-SHA256 "
            "Credential=AKIAIOSFODNN7EXAMPLE/20250101/eu-west-1/iot/aws4_request",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert caught.value.code == 400
    assert caught.value.headers["x-amzn-ErrorType"] == "InvalidRequestException"
