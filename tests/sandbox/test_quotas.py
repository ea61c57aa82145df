"""The default call quotas of rules 18 and 30."""

import pytest

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.quotas import Quotas, throttling


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def accepted(quotas: Quotas, calls: int, action: str, *, region: str = "eu-west-1") -> int:
    """How many of so many calls at one instant are let through."""
    passed = 0
    for _ in range(calls):
        try:
            quotas.take("123456789012", region, "acm-pca", action)
        except AwsError:
            continue
        passed += 1
    return passed


def test_one_second_of_quota_at_once_then_the_rate() -> None:
    """A pause stores one second's quota; after it, calls pass at the quota's rate."""
    clock = Clock()
    quotas = Quotas(clock)
    assert accepted(quotas, 100, "IssueCertificate") == 25
    clock.now += 0.2
    assert accepted(quotas, 100, "IssueCertificate") == 5
    clock.now += 60
    assert accepted(quotas, 100, "IssueCertificate") == 25


def test_quotas_are_per_action_and_region() -> None:
    """One action's spent quota leaves another action and another region alone."""
    quotas = Quotas(Clock())
    accepted(quotas, 100, "IssueCertificate")
    assert accepted(quotas, 100, "GetCertificate") == 75
    assert accepted(quotas, 100, "IssueCertificate", region="us-east-1") == 25


def test_actions_without_a_quota_pass() -> None:
    """What has no figure in the quotas' table is not limited."""
    assert accepted(Quotas(Clock()), 500, "ListTags") == 500


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        pytest.param("acm-pca", "ThrottlingException", 400, id="acm-pca"),
        pytest.param("iot", "ThrottlingException", 400, id="iot"),
        pytest.param("iam", "Throttling", 400, id="iam"),
        pytest.param("s3", "SlowDown", 503, id="s3"),
    ],
)
def test_each_service_throttles_in_its_own_words(service: str, code: str, status: int) -> None:
    """The code and the HTTP status are the service's own."""
    error = throttling(service)
    assert (error.code, error.status, error.message) == (code, status, "Rate exceeded")
