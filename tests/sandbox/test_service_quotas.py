"""GetServiceQuota tells of the quotas that the sandbox enforces."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from birthcert import limits
from birthcert.sandbox.front.quotas import NO_LIMIT
from birthcert.sandbox.server import Sandbox

ISSUE = ("acm-pca", "L-CAFB4993")


@pytest.fixture
def quota(connect: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Ask Service Quotas with boto3."""

    def asked(service_code: str, quota_code: str) -> dict[str, Any]:
        client = connect("service-quotas")
        answer: dict[str, Any] = client.get_service_quota(
            ServiceCode=service_code, QuotaCode=quota_code
        )
        return answer["Quota"]

    return asked


@pytest.mark.parametrize("action", limits.SERVICE_QUOTAS)
def test_what_is_not_limited_has_the_largest_value(
    quota: Callable[..., dict[str, Any]], action: str
) -> None:
    """A sandbox that enforces no quotas says so, of each that the product asks for."""
    service_code, quota_code = limits.SERVICE_QUOTAS[action]
    assert quota(service_code, quota_code)["Value"] == NO_LIMIT


def test_an_increase_is_told(quota: Callable[..., dict[str, Any]], sandbox: Sandbox) -> None:
    """The value is what the knob enforces, in AWS's shape."""
    sandbox.state.knobs.update({"quotas_per_second": {"acm-pca.IssueCertificate": 100}})
    found = quota(*ISSUE)
    assert found["Value"] == 100
    assert found["QuotaArn"].startswith("arn:aws:servicequotas:eu-west-1:")
    assert found["QuotaName"] == "Rate of IssueCertificate requests"


def test_a_quota_that_does_not_exist_is_refused(quota: Callable[..., dict[str, Any]]) -> None:
    """An unknown code is NoSuchResourceException, as AWS has it."""
    with pytest.raises(ClientError) as raised:
        quota("acm-pca", "L-00000000")
    assert raised.value.response["Error"]["Code"] == "NoSuchResourceException"
