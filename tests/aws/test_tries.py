"""What AWS refuses is asked once, what it throttles again."""

import pytest

from birthcert.aws import registration
from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed
from birthcert.sandbox.server import Sandbox


def test_an_answer_that_is_no_use_is_not_retried(aws: AwsAccess, sandbox: Sandbox) -> None:
    """A refusal costs one call and carries AWS's code and request id."""
    sandbox.state.knobs.update(
        {
            "calls": [
                {
                    "action": "iot.GetRegistrationCode",
                    "effect": "error",
                    "code": "UnauthorizedException",
                    "status": 401,
                }
            ]
        }
    )
    before = sandbox.calls().get("iot.GetRegistrationCode", {}).get("UnauthorizedException", 0)
    with pytest.raises(AwsCallFailed, match="examples/iam") as failed:
        registration.get_registration_code(aws)
    after = sandbox.calls()["iot.GetRegistrationCode"]["UnauthorizedException"]
    assert after - before == 1
    assert failed.value.code == "UnauthorizedException"


def test_throttling_is_waited_out_and_counted(aws: AwsAccess, sandbox: Sandbox) -> None:
    """Three throttled answers, then the code."""
    sandbox.state.knobs.update(
        {"calls": [{"action": "iot.GetRegistrationCode", "effect": "throttle", "times": 3}]}
    )
    assert len(registration.get_registration_code(aws).code) == 64
    assert aws.throttled == 3
