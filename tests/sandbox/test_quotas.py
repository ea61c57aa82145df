"""The default call quotas of rules 18 and 30."""

import pytest
from pydantic import ValidationError

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.quotas import Quotas, throttling
from birthcert.sandbox.knobs import KnobBox, Knobs


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


def quotas_with(clock: Clock, *, enforced: bool = True, **knobs: object) -> Quotas:
    """The quotas of a sandbox whose knobs are set so."""
    return Quotas(clock, KnobBox(Knobs.model_validate(knobs)), enforced=enforced)


def test_one_second_of_quota_at_once_then_the_rate() -> None:
    """A pause stores one second's quota; after it, calls pass at the quota's rate."""
    clock = Clock()
    quotas = quotas_with(clock)
    assert accepted(quotas, 100, "IssueCertificate") == 25
    clock.now += 0.2
    assert accepted(quotas, 100, "IssueCertificate") == 5
    clock.now += 60
    assert accepted(quotas, 100, "IssueCertificate") == 25


def test_quotas_are_per_action_and_region() -> None:
    """One action's spent quota leaves another action and another region alone."""
    quotas = quotas_with(Clock())
    accepted(quotas, 100, "IssueCertificate")
    assert accepted(quotas, 100, "GetCertificate") == 75
    assert accepted(quotas, 100, "IssueCertificate", region="us-east-1") == 25


def test_actions_without_a_quota_pass() -> None:
    """What has no figure in the quotas' table is not limited."""
    assert accepted(quotas_with(Clock()), 500, "ListTags") == 500


def test_an_increase_is_a_knob() -> None:
    """What the knob says replaces the default, also where the defaults are not enforced."""
    increase = {"quotas_per_second": {"acm-pca.IssueCertificate": 100}}
    assert accepted(quotas_with(Clock(), **increase), 200, "IssueCertificate") == 100
    open_sandbox = quotas_with(Clock(), enforced=False, **increase)
    assert accepted(open_sandbox, 200, "IssueCertificate") == 100
    assert accepted(open_sandbox, 200, "GetCertificate") == 200


def test_a_quota_changes_while_it_is_used() -> None:
    """A rate that is set anew counts from then on, and stores no burst of its own."""
    clock, knobs = Clock(), KnobBox()
    quotas = Quotas(clock, knobs, enforced=True)
    assert accepted(quotas, 100, "IssueCertificate") == 25
    knobs.update({"quotas_per_second": {"acm-pca.IssueCertificate": 100}})
    assert accepted(quotas, 100, "IssueCertificate") == 0
    clock.now += 0.5
    assert accepted(quotas, 100, "IssueCertificate") == 50


def test_how_much_is_stored_is_a_knob() -> None:
    """A bucket for a fifth of a second holds five calls at 25 a second; the least holds one."""
    assert accepted(quotas_with(Clock(), quota_burst_seconds=0.2), 50, "IssueCertificate") == 5
    assert accepted(quotas_with(Clock(), quota_burst_seconds=0), 50, "IssueCertificate") == 1


def test_a_quota_needs_the_whole_name_of_its_action() -> None:
    """A name without its service would limit nothing: it is refused."""
    with pytest.raises(ValidationError):
        quotas_with(Clock(), quotas_per_second={"IssueCertificate": 100})


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
