"""Each try of a call to AWS is observed once, with what became of it."""

from collections import Counter

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, AwsUnreachable, ConfigurationError
from birthcert.sandbox.server import Sandbox

WHO = ("sts", "GetCallerIdentity")


@pytest.fixture
def seen() -> Counter[tuple[str, str, str]]:
    """How often which call had which outcome."""
    return Counter()


@pytest.fixture
def observed(account: str, seen: Counter[tuple[str, str, str]]) -> AwsAccess:
    """A way to AWS that is observed."""

    def observe(service: str, action: str, outcome: str, seconds: float) -> None:
        assert seconds > 0
        seen[service, action, outcome] += 1

    return AwsAccess("eu-west-1", retry_seconds=3, observe=observe)


def fail(sandbox: Sandbox, code: str, status: int) -> None:
    """Let the next call of sts:GetCallerIdentity fail."""
    rule = {"action": "sts.GetCallerIdentity", "effect": "error", "times": 1}
    sandbox.state.knobs.update({"calls": [{**rule, "code": code, "status": status}]})


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        pytest.param("ThrottlingException", 400, "throttled", id="throttled"),
        pytest.param("ServiceUnavailable", 503, "unavailable", id="unavailable"),
    ],
)
def test_a_retry_is_two_tries(
    observed: AwsAccess,
    seen: Counter[tuple[str, str, str]],
    sandbox: Sandbox,
    code: str,
    status: int,
    outcome: str,
) -> None:
    """The one that failed and the one that went well."""
    fail(sandbox, code, status)
    observed.call(*WHO)
    assert seen == {(*WHO, outcome): 1, (*WHO, "ok"): 1}


def test_a_refusal(observed: AwsAccess, seen: Counter[tuple[str, str, str]]) -> None:
    """An error that is not tried again is one."""
    with pytest.raises(AwsCallFailed):
        observed.call("iot", "DescribeThing", thingName="nobody")
    assert seen == {("iot", "DescribeThing", "refused"): 1}


def test_a_lost_answer(
    observed: AwsAccess, seen: Counter[tuple[str, str, str]], sandbox: Sandbox
) -> None:
    """A connection that drops is unreachable, not an error of AWS."""
    sandbox.state.knobs.update({"calls": [{"action": "sts.GetCallerIdentity", "effect": "drop"}]})
    observed._retry_seconds = 0
    with pytest.raises(AwsUnreachable):
        observed.call(*WHO)
    assert seen == {(*WHO, "unreachable"): 1}


def test_what_never_left_is_no_call(
    observed: AwsAccess, seen: Counter[tuple[str, str, str]]
) -> None:
    """A parameter that botocore refuses has not reached out for AWS."""
    with pytest.raises(ConfigurationError):
        observed.call("iot", "DescribeThing")
    assert not seen
