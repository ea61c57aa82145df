"""Who may call the sandbox, and what it refuses before any work is done."""

from collections.abc import Callable
from typing import Any

import pytest

from birthcert.sandbox.environment import ACCESS_KEY_ID
from birthcert.sandbox.server import Sandbox

OTHER_ACCOUNT = "210987654321"

Connect = Callable[..., Any]
Visit = Callable[..., tuple[int, bytes, Any]]
Refusal = Callable[..., tuple[str, int, str]]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/_sandbox/", id="a page"),
        pytest.param("/_sandbox/nothing", id="no page"),
        pytest.param("/", id="unsigned"),
        pytest.param("/?Action=GetCallerIdentity", id="unsigned query"),
    ],
)
def test_every_answer_says_that_it_is_no_aws(sandbox: Sandbox, visit: Visit, path: str) -> None:
    """Each answer carries the sandbox's header, errors too."""
    headers = visit(path)[2]
    assert headers["x-birthcert-sandbox"] == sandbox.state.instance


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param(
            {"headers": {"X-Amz-Target": "ACMPrivateCA.ListTags"}, "data": b"{}"},
            b'"MissingAuthenticationTokenException"',
            id="json",
        ),
        pytest.param(
            {"data": b"Action=GetCallerIdentity&Version=2011-06-15"},
            b"<Code>MissingAuthenticationToken</Code>",
            id="query",
        ),
    ],
)
def test_unsigned_requests_are_refused(visit: Visit, options: dict[str, Any], code: bytes) -> None:
    """A request without a signature is 403 in the words of its protocol."""
    status, body, _ = visit("/", **options)
    assert status == 403
    assert code in body


def test_a_broken_authorization_header_is_refused(visit: Visit) -> None:
    """A header without a credential scope is 403."""
    status, body, _ = visit("/things/x", headers={"Authorization": "AWS4 nonsense"})
    assert status == 403
    assert b"Credential" in body


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        pytest.param(
            "acm-pca", "list_certificate_authorities", "UnrecognizedClientException", id="acm-pca"
        ),
        pytest.param("iot", "list_things", "UnrecognizedClientException", id="iot"),
        pytest.param("sts", "get_caller_identity", "InvalidClientTokenId", id="sts"),
        pytest.param("s3", "list_buckets", "InvalidAccessKeyId", id="s3"),
    ],
)
def test_foreign_keys_get_a_clear_answer(
    connect: Connect, refusal: Refusal, service: str, call: str, code: str
) -> None:
    """Credentials that this sandbox did not make are refused, and the message says by whom."""
    stranger = connect(service, aws_access_key_id="AKIAIOSFODNN7EXAMPLE")
    found, status, message = refusal(getattr(stranger, call))
    assert (found, status) == (code, 403)
    assert "birthcert sandbox" in message


def test_a_region_that_aws_lacks_is_refused(connect: Connect, refusal: Refusal) -> None:
    """A credential scope of no region is refused."""
    nowhere = connect("acm-pca", region_name="mars-north-1")
    code, status, message = refusal(nowhere.list_certificate_authorities)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert "mars-north-1" in message


def test_assumed_roles_carry_their_account(connect: Connect) -> None:
    """A role of any account can be assumed; its keys act in that account."""
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/operator"
    keys = connect("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    changes = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    caller = connect("sts", **changes).get_caller_identity()
    assert caller["Arn"] == f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/operator/test"
    arn = connect("iot", **changes).create_thing_type(thingTypeName="T")["thingTypeArn"]
    assert arn == f"arn:aws:iot:eu-west-1:{OTHER_ACCOUNT}:thingtype/T"


def test_keys_made_by_iam_work_until_they_are_switched_off(
    connect: Connect, refusal: Refusal
) -> None:
    """CreateAccessKey's keys are known; an inactive one is refused."""
    iam = connect("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    sts = connect("sts", aws_access_key_id=key)
    assert sts.get_caller_identity()["Arn"].endswith(":user/u")
    iam.update_access_key(UserName="u", AccessKeyId=key, Status="Inactive")
    assert refusal(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_the_models_limits_hold(connect: Connect, refusal: Refusal) -> None:
    """What botocore lets out but AWS's model forbids is refused before anything is done."""
    code, status, message = refusal(connect("iot").create_thing, thingName="a b")
    assert (code, status) == ("InvalidRequestException", 400)
    assert "Value 'a b' at 'thingName'" in message
    code, _, message = refusal(
        connect("acm-pca").list_certificate_authorities, ResourceOwner="NOBODY"
    )
    assert code == "ValidationException"
    assert "[SELF, OTHER_ACCOUNTS]" in message


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        pytest.param("ListTags", b"{", b"SerializationException", id="broken JSON"),
        pytest.param("ListTags", b"\xff\xfe", b"SerializationException", id="not UTF-8"),
        pytest.param("Fly", b"{}", b"UnknownOperationException", id="unknown action"),
    ],
)
def test_bad_bodies_and_actions(visit: Visit, target: str, body: bytes, code: bytes) -> None:
    """What does not parse is 400 in the service's shape."""
    scope = f"{ACCESS_KEY_ID}/20260101/eu-west-1/acm-pca/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "X-Amz-Target": f"ACMPrivateCA.{target}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    status, answer, _ = visit("/", headers=headers, data=body)
    assert status == 400
    assert code in answer


def test_what_moto_lacks_says_so(connect: Connect, refusal: Refusal) -> None:
    """An action of AWS that the sandbox does not offer is 501 and named."""
    code, status, message = refusal(connect("iot").list_fleet_metrics)
    assert (code, status) == ("NotImplemented", 501)
    assert "iot.ListFleetMetrics" in message


def test_a_failure_inside_is_logged_and_not_shown(
    sandbox: Sandbox, connect: Connect, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the sandbox's own is 500 InternalFailure; the trace is in sandbox.log."""

    def broken(_self: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("moto.sts.responses.TokenResponse.get_caller_identity", broken)
    code, status, message = refusal(connect("sts").get_caller_identity)
    assert (code, status) == ("InternalFailure", 500)
    assert "secret detail" not in message
    assert "secret detail" in (sandbox.description.directory / "sandbox.log").read_text()
