"""What Service Quotas says an account may call in a second."""

import logging
from typing import Final

from birthcert import limits
from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, AwsUnreachable

log = logging.getLogger(__name__)
SERVICE: Final = "service-quotas"


def quota_per_second(aws: AwsAccess, action: str) -> float | None:
    """GetServiceQuota for `service.Action`; None, and a line in the log, where AWS does not say."""
    service_code, quota_code = limits.SERVICE_QUOTAS[action]
    try:
        answer = aws.call(
            SERVICE, "GetServiceQuota", ServiceCode=service_code, QuotaCode=quota_code
        )
    except (AwsCallFailed, AwsUnreachable) as error:
        log.warning(
            "the quota of %s is taken to be AWS's default of %g a second: %s",
            action,
            limits.default_quota_per_second(action),
            error.what,
        )
        return None
    return float(answer["Quota"]["Value"])
