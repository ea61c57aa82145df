"""AWS's request id is in every error, from every protocol, and leads to the call."""

import logging
import pickle
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed
from birthcert.sandbox.server import Sandbox

ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1f7b2c1e-0000-4000-8000-1"
REFUSED = [
    pytest.param(
        "acm-pca", "DescribeCertificateAuthority", {"CertificateAuthorityArn": ARN}, id="json"
    ),
    pytest.param("iot", "DescribeThing", {"thingName": "nobody"}, id="rest-json"),
    pytest.param("iam", "GetRole", {"RoleName": "nobody"}, id="query"),
    pytest.param("s3", "GetObject", {"Bucket": "no-such-bucket", "Key": "k"}, id="rest-xml"),
    pytest.param("s3", "HeadBucket", {"Bucket": "no-such-bucket"}, id="rest-xml without a body"),
]


@pytest.mark.parametrize(("service", "action", "parameters"), REFUSED)
def test_an_error_tells_its_request_id(
    aws: AwsAccess,
    caplog: pytest.LogCaptureFixture,
    service: str,
    action: str,
    parameters: dict[str, Any],
) -> None:
    """It is in the line and an attribute, and the one that the sandbox wrote down for this call."""
    with caplog.at_level(logging.INFO, "birthcert.sandbox"), pytest.raises(AwsCallFailed) as caught:
        aws.call(service, action, **parameters)
    [answered] = [line for line in caplog.messages if f"{service}.{action}" in line]
    assert caught.value.request_id
    assert answered.endswith(f"request {caught.value.request_id}")
    assert f"(request id {caught.value.request_id})" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).request_id == caught.value.request_id


def test_a_refusal_before_the_action_tells_its_own_too(
    aws: AwsAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that AWS does not know are refused with a request id."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    with pytest.raises(AwsCallFailed, match=r"InvalidClientTokenId: .+ \(request id [0-9a-f-]{36}"):
        AwsAccess("eu-west-1", retry_seconds=0).call("sts", "GetCallerIdentity")


def test_two_calls_have_two_ids(aws: AwsAccess, caplog: pytest.LogCaptureFixture) -> None:
    """With debug logs each answer's id is written down, good ones too."""
    with caplog.at_level(logging.DEBUG, "birthcert.aws.access"):
        aws.call("sts", "GetCallerIdentity")
        aws.call("sts", "GetCallerIdentity")
    ids = [each.request_id for each in caplog.records if getattr(each, "request_id", "")]
    assert len(ids) == len(set(ids)) == 2


def test_a_retry_tells_the_request_that_failed(
    aws: AwsAccess, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning that a call is tried again has action, code and request id as facts."""
    sandbox.state.knobs.update({"calls": [{"action": "sts.GetCallerIdentity", "effect": "error",
        "code": "ThrottlingException", "status": 400, "times": 1}]})  # fmt: skip
    with caplog.at_level(logging.WARNING, "birthcert.aws.access"):
        aws.call("sts", "GetCallerIdentity")
    [record] = [each for each in caplog.records if each.name == "birthcert.aws.access"]
    facts = record.__dict__
    assert (facts["action"], facts["code"]) == ("GetCallerIdentity", "ThrottlingException")
    assert facts["request_id"] in record.getMessage()
