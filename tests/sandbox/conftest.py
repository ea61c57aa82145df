"""A running sandbox and the ways to reach it, for the tests of its HTTP side."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import pytest

from birthcert.sandbox.environment import ACCESS_KEY_ID
from birthcert.sandbox.server import Sandbox

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox.start(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The module's sandbox, without faults and with its counts at nothing."""
    running_sandbox.state.knobs.reset()
    running_sandbox.reset_calls()
    yield running_sandbox
    running_sandbox.state.knobs.reset()


@pytest.fixture
def connect(sandbox: Sandbox) -> Connect:
    """Make a boto3 client of a service that tries each call once."""

    def made(service: str, *, read_timeout: float = 10, **changes: Any) -> Any:
        once = {"total_max_attempts": 1}
        settings = {
            "endpoint_url": sandbox.url,
            "region_name": "eu-west-1",
            "aws_access_key_id": ACCESS_KEY_ID,
            "aws_secret_access_key": "any",
            "config": botocore.config.Config(retries=once, read_timeout=read_timeout),
        }
        return boto3.client(service, **(settings | changes))

    return made


@pytest.fixture
def visit(sandbox: Sandbox) -> Callable[..., tuple[int, bytes, Any]]:
    """Fetch a path with plain HTTP: status, body and headers."""

    def visited(path: str, **options: Any) -> tuple[int, bytes, Any]:
        request = urllib.request.Request(sandbox.url + path, **options)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    return visited


@pytest.fixture
def refusal() -> Callable[..., tuple[str, int, str]]:
    """Code, HTTP status and message of a call that must fail."""

    def refused(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            call(**params)
        error, metadata = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
        return error["Code"], metadata["HTTPStatusCode"], error["Message"]

    return refused


@pytest.fixture
def set_fault(visit: Callable[..., tuple[int, bytes, Any]]) -> Callable[..., None]:
    """Set one rule of the knob `calls`, over HTTP."""

    def put(**fault: Any) -> None:
        body = json.dumps({"calls": [fault]}).encode()
        assert visit("/_sandbox/faults", method="POST", data=body)[0] == 200

    return put
