"""Every try of a call waits for its turn with the pacer."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, AwsUnreachable, NotAsked
from birthcert.ledger.errors import LedgerUnavailable
from birthcert.models import QuotaUse

LIST = ("acm-pca", "ListCertificateAuthorities")
NAME = "acm-pca.ListCertificateAuthorities"


class Turns:
    """A pacer that keeps a diary; `at` is called at each turn with its number."""

    def __init__(self) -> None:
        self.waited: list[str] = []
        self.throttles: list[str] = []
        self.at: Callable[[int], None] = lambda _number: None

    def wait(self, action: str, ending: threading.Event) -> None:
        self.waited.append(action)
        self.at(len(self.waited))

    def throttled(self, action: str) -> None:
        self.throttles.append(action)

    def use(self, tries: Mapping[str, int], seconds: float) -> tuple[QuotaUse, ...]:
        return ()


class Body:
    """A response's body that botocore can read."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_options: Any) -> Any:
        yield self._content


def answering(*answers: int | Exception) -> tuple[AwsAccess, Turns]:
    """A way to an AWS that gives these HTTP statuses (400: throttled), and its pacer."""
    session = boto3.Session("none", "none", region_name="eu-west-1")
    left = list(answers)

    def answer(request: Any, **_facts: Any) -> Any:
        status = left.pop(0)
        if isinstance(status, Exception):
            raise status
        text = b'{"__type":"ThrottlingException","message":"Rate exceeded"}'
        return AWSResponse(request.url, status, {}, Body(b"{}" if status == 200 else text))

    session.events.register("before-send.acm-pca", answer)
    aws = AwsAccess("eu-west-1", session=session, sleep=lambda _seconds: None)
    aws.pacer = turns = Turns()
    return aws, turns


def test_a_repeated_call_waits_for_another_turn() -> None:
    """Each try spends of the quota, so each has its turn, and the pacer hears of throttles."""
    aws, turns = answering(400, 400, 200)
    assert aws.call(*LIST)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert turns.waited == [NAME] * 3
    assert turns.throttles == [NAME] * 2
    assert (aws.tries[NAME], aws.throttled) == (3, 2)


@pytest.mark.parametrize(
    "error",
    [NotAsked("the run is ending"), LedgerUnavailable("the ledger does not answer")],
    ids=["the run ends", "no book"],
)
def test_without_a_turn_aws_is_not_asked(error: Exception) -> None:
    """Before the first try the pacer's own error says that nothing was asked."""
    aws, turns = answering()

    def refuse(_number: int) -> None:
        raise error

    turns.at = refuse
    with pytest.raises(type(error)):
        aws.call(*LIST)
    assert aws.tries[NAME] == 0


def test_without_another_turn_the_answer_of_the_try_before_counts() -> None:
    """Whether the try before bought something is what the caller must know."""
    aws, turns = answering(400)

    def refuse(number: int) -> None:
        if number == 2:
            raise NotAsked("the run is ending")

    turns.at = refuse
    with pytest.raises(AwsCallFailed, match="ThrottlingException"):
        aws.call(*LIST)


def test_a_call_that_was_dropped_is_not_repeated_after_its_time() -> None:
    """A turn that comes after the token's time is not used [6]."""
    now = [0.0]
    aws, turns = answering(EndpointConnectionError(endpoint_url="nowhere"), 200)
    aws._clock = lambda: now[0]

    def late(number: int) -> None:
        now[0] += 3_600 * (number - 1)

    turns.at = late
    with pytest.raises(AwsUnreachable):
        aws.call(*LIST)
    assert len(turns.waited) == 2
    assert aws.tries[NAME] == 1
