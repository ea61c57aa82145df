"""Requests outside AWS's models are refused in AWS's words."""

import base64
import re
from typing import Any

import pytest

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.http_messages import HttpRequest
from birthcert.sandbox.front.parameters import parameters_of
from birthcert.sandbox.front.patterns import compiled
from birthcert.sandbox.front.services import service_named
from birthcert.sandbox.front.validation import VALIDATED_SERVICES, validate, validator

ISSUE: dict[str, Any] = {
    "CertificateAuthorityArn": "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/a",
    "Csr": base64.b64encode(b"csr").decode(),
    "SigningAlgorithm": "SHA256WITHRSA",
    "Validity": {"Value": 1, "Type": "DAYS"},
}


def refusal_of(service: str, action: str, params: dict[str, Any]) -> AwsError:
    with pytest.raises(AwsError) as caught:
        validate(service, action, params)
    return caught.value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"IdempotencyToken": "a" * 37},
            f"1 validation error detected: Value '{'a' * 37}' at 'idempotencyToken' failed to "
            "satisfy constraint: Member must have length less than or equal to 36",
            id="too long",
        ),
        pytest.param(
            {"Csr": None},
            "1 validation error detected: Value null at 'csr' failed to satisfy constraint: "
            "Member must not be null",
            id="missing",
        ),
        pytest.param(
            {"Validity": {"Value": 0, "Type": "DAYS"}},
            "1 validation error detected: Value '0' at 'validity.value' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1",
            id="too small, nested",
        ),
        pytest.param(
            {"Validity": {"Value": 1, "Type": "WEEKS"}},
            "1 validation error detected: Value 'WEEKS' at 'validity.type' failed to satisfy "
            "constraint: Member must satisfy enum value set: "
            "[END_DATE, ABSOLUTE, DAYS, MONTHS, YEARS]",
            id="not of the enumeration",
        ),
        pytest.param(
            {"Csr": base64.b64encode(b"x" * 32_769).decode()},
            "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=32769 "
            "cap=32769]' at 'csr' failed to satisfy constraint: Member must have length less "
            "than or equal to 32768",
            id="blob too large",
        ),
    ],
)
def test_private_ca_refuses_in_the_words_of_aws(changes: dict[str, Any], message: str) -> None:
    """Required members, lengths, ranges and enumerations are checked, nested ones too."""
    error = refusal_of("acm-pca", "IssueCertificate", ISSUE | changes)
    assert (error.code, error.status, error.message) == ("ValidationException", 400, message)


def test_all_complaints_are_counted() -> None:
    """Two wrong members make one error with both."""
    error = refusal_of(
        "acm-pca", "IssueCertificate", ISSUE | {"SigningAlgorithm": "MD5", "Csr": None}
    )
    assert error.message.startswith("2 validation errors detected: ")
    assert "Value 'MD5' at 'signingAlgorithm'" in error.message


def test_list_members_are_named_by_their_place() -> None:
    """A wrong tag is named by its number."""
    tags = [{"Key": "ok"}, {"Key": "no*", "Value": "ü 1"}]
    params = {"CertificateAuthorityArn": ISSUE["CertificateAuthorityArn"], "Tags": tags}
    error = refusal_of("acm-pca", "TagCertificateAuthority", params)
    assert "Value 'no*' at 'tags.2.member.key'" in error.message
    assert error.message.startswith("1 validation error")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"Csr": 3}, "NUMBER_VALUE can not be converted", id="number for a blob"),
        pytest.param({"Csr": "?"}, "not valid base64", id="no base64"),
        pytest.param(
            {"Validity": {"Value": "1", "Type": "DAYS"}},
            "STRING_VALUE can not be converted to a Long",
            id="string for a number",
        ),
        pytest.param({"Validity": []}, "Start of structure or map found", id="list for a map"),
    ],
)
def test_wrong_json_types_do_not_parse(changes: dict[str, Any], message: str) -> None:
    """A value of the wrong type is a SerializationException."""
    error = refusal_of("acm-pca", "IssueCertificate", ISSUE | changes)
    assert error.code == "SerializationException"
    assert message in error.message


def test_valid_requests_pass() -> None:
    """A request within the model is let through."""
    validate("acm-pca", "IssueCertificate", ISSUE)


@pytest.mark.parametrize(
    ("service", "action", "params", "code"),
    [
        pytest.param(
            "iot", "CreateThing", {"thingName": "a b"}, "InvalidRequestException", id="iot"
        ),
        pytest.param("iam", "GetRole", {"RoleName": "a/b"}, "ValidationError", id="iam"),
    ],
)
def test_each_service_has_its_own_code(
    service: str, action: str, params: dict[str, Any], code: str
) -> None:
    """The validation error's code is the service's."""
    assert refusal_of(service, action, params).code == code


@pytest.mark.parametrize("service", sorted(VALIDATED_SERVICES))
def test_every_action_of_the_models_can_be_checked(service: str) -> None:
    """No action's model holds a pattern or a shape that the sandbox cannot compile."""
    actions = service_named(service).model.operation_names
    assert actions
    for action in actions:
        assert callable(validator(service, action))


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        pytest.param(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Ünit 1/x", True, id="letters and spaces"),
        pytest.param(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "a*", False, id="an asterisk"),
        pytest.param(r"[^\p{C}]+", "tab\t", False, id="a control character"),
        pytest.param(r"[\p{Upper}\p{Digit}_]+", "AB_1", True, id="upper case"),
        pytest.param(r"[\w.-]+", "é", False, id="Java's word characters are ASCII"),
    ],
)
def test_java_patterns(pattern: str, text: str, matches: bool) -> None:
    """Java's character properties mean in Python what they mean in Java."""
    assert (compiled(pattern).fullmatch(text) is not None) is matches


def rest(
    method: str, path: str, query: str = "", body: bytes = b"", headers: Any = None
) -> tuple[str, dict[str, Any]]:
    """What action an IoT request asks for, with which parameters."""
    service = service_named("iot")
    request = HttpRequest(method, path, query, headers or {}, body)
    action, labels = service.action_of(request)
    return action, parameters_of(service, action, request, labels)


def test_rest_parameters_come_from_path_query_and_body() -> None:
    """A REST action is found by method and path; its parameters by the model's locations."""
    assert rest("POST", "/cacertificate", "setAsActive=true", b'{"caCertificate": "x"}') == (
        "RegisterCACertificate",
        {"caCertificate": "x", "setAsActive": True},
    )
    assert rest("GET", "/cacertificates", "pageSize=5") == ("ListCACertificates", {"pageSize": 5})
    assert rest("PUT", "/target-policies/p", "", b'{"target": "arn:x"}') == (
        "AttachPolicy",
        {"policyName": "p", "target": "arn:x"},
    )
    action, params = rest(
        "PUT", "/things/t%2F1/principals", headers={"x-amzn-principal": "arn:aws:iot"}
    )
    assert (action, params["thingName"]) == ("AttachThingPrincipal", "t/1")
    assert params["x-amzn-principal"] == "arn:aws:iot"


def test_rest_path_without_an_action() -> None:
    """A path that no action has is unknown."""
    request = HttpRequest("GET", "/no/such/path", "", {})
    assert service_named("iot").action_of(request) == ("Unknown", {})


def test_query_parameters_are_nested() -> None:
    """The query protocol's flat names become lists and structures."""
    body = (
        b"Action=CreateRole&RoleName=r&MaxSessionDuration=3600"
        b"&Tags.member.1.Key=k&Tags.member.1.Value=v"
    )
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    service, request = service_named("iam"), HttpRequest("POST", "/", "", headers, body)
    action, labels = service.action_of(request)
    assert action == "CreateRole"
    assert parameters_of(service, action, request, labels) == {
        "RoleName": "r",
        "Tags": [{"Key": "k", "Value": "v"}],
        "MaxSessionDuration": 3600,
    }


@pytest.mark.parametrize(
    "body", [pytest.param(b"{", id="cut off"), pytest.param(b"[]", id="no object")]
)
def test_broken_json_is_a_serialization_error(body: bytes) -> None:
    """A body that is no JSON object does not parse."""
    with pytest.raises(AwsError, match="SerializationException"):
        rest("POST", "/cacertificate", "", body)


def test_every_uri_of_the_iot_model_finds_its_own_action() -> None:
    """No action of IoT's model hides another one."""
    service = service_named("iot")
    for name in service.model.operation_names:
        operation = service.model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        path = re.sub(r"\{(\w+)\+?\}", "label", path)
        request = HttpRequest(operation.http["method"], path, query, {})
        assert service.action_of(request)[0] == name


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "action"),
    [
        pytest.param("PUT", "/b/a/key", "", {}, "PutObject", id="put"),
        pytest.param("PUT", "/b/k", "", {"x-amz-copy-source": "c/k"}, "CopyObject", id="copy"),
        pytest.param("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart", id="part"),
        pytest.param("GET", "/b", "list-type=2", {}, "ListObjectsV2", id="list, version 2"),
        pytest.param("GET", "/b", "policy", {}, "GetBucketPolicy", id="policy"),
    ],
)
def test_s3_actions_of_one_path_are_told_apart(
    method: str, path: str, query: str, headers: dict[str, str], action: str
) -> None:
    """Where actions share method and path, query string and headers decide."""
    assert service_named("s3").action_of(HttpRequest(method, path, query, headers))[0] == action
