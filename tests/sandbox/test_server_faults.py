"""Real clients feel the sandbox's faults."""

from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

from birthcert.sandbox.server import Sandbox

Connect = Callable[..., Any]
Visit = Callable[..., tuple[int, bytes, Any]]
Refusal = Callable[..., tuple[str, int, str]]
SetFault = Callable[..., None]


@pytest.mark.parametrize(
    ("service", "call", "code", "status"),
    [
        pytest.param(
            "acm-pca", "list_certificate_authorities", "ThrottlingException", 400, id="acm-pca"
        ),
        pytest.param("iot", "list_things", "ThrottlingException", 400, id="iot"),
        pytest.param("iam", "list_roles", "Throttling", 400, id="iam"),
    ],
)
def test_a_client_feels_throttling(
    connect: Connect,
    refusal: Refusal,
    set_fault: SetFault,
    service: str,
    call: str,
    code: str,
    status: int,
) -> None:
    """The knob throttles in the service's words, and only as often as it says."""
    set_fault(action=f"{service}.*", effect="throttle", times=1)
    act = getattr(connect(service), call)
    assert refusal(act) == (code, status, "Rate exceeded")
    assert act()


def test_a_client_feels_errors(connect: Connect, refusal: Refusal, set_fault: SetFault) -> None:
    """The knob answers with any code and status."""
    set_fault(action="iot.ListThings", effect="error", code="ServiceUnavailable", status=503)
    assert refusal(connect("iot").list_things)[:2] == ("ServiceUnavailable", 503)


def test_a_lost_answer_leaves_the_work_done(
    sandbox: Sandbox, connect: Connect, set_fault: SetFault
) -> None:
    """The connection drops, but the thing is there; and AWS counts it as done."""
    set_fault(action="iot.CreateThing", effect="lose_answer", nth=1)
    iot = connect("iot")
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        iot.create_thing(thingName="lost-answer")
    assert iot.describe_thing(thingName="lost-answer")["thingName"] == "lost-answer"
    assert sandbox.calls()["iot.CreateThing"] == {"ok": 1}


@pytest.mark.parametrize(
    "effect", [pytest.param("drop", id="drop"), pytest.param("freeze", id="freeze")]
)
def test_a_dropped_call_does_no_work(
    sandbox: Sandbox, connect: Connect, refusal: Refusal, set_fault: SetFault, effect: str
) -> None:
    """The connection ends before any work."""
    set_fault(action="iot.CreateThing", effect=effect, seconds=0.01)
    iot = connect("iot")
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        iot.create_thing(thingName=f"no-{effect}")
    assert refusal(iot.describe_thing, thingName=f"no-{effect}")[0] == "ResourceNotFoundException"
    assert sandbox.calls()["iot.CreateThing"] == {"dropped": 1}


def test_a_slow_call_runs_into_the_clients_timeout(connect: Connect, set_fault: SetFault) -> None:
    """A client with a short timeout gives up on a slow call."""
    set_fault(action="iot.ListThings", effect="slow", seconds=30)
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        connect("iot", read_timeout=0.2).list_things()


def test_a_slow_network_slows_every_call(sandbox: Sandbox, connect: Connect, visit: Visit) -> None:
    """The network's delay hits all AWS calls, and not the sandbox's own pages."""
    sandbox.state.knobs.update({"network_delay_seconds": 30})
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        connect("sts", read_timeout=0.2).get_caller_identity()
    assert visit("/_sandbox/calls")[0] == 200
