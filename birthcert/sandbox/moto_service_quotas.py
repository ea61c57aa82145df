"""Service Quotas tells of the quotas that the sandbox enforces, beside those that moto knows."""

from typing import Any, Final

import moto.servicequotas.models as moto_quotas

from birthcert import limits
from birthcert.sandbox.front.quotas import NO_LIMIT, Quotas
from birthcert.sandbox.moto_seams import Seam, check, seam

_SEAMS: Final = [seam(moto_quotas, "ServiceQuotasBackend.get_service_quota")]
_get: Final = moto_quotas.ServiceQuotasBackend.get_service_quota
_ACTIONS: Final = {codes: action for action, codes in limits.SERVICE_QUOTAS.items()}


def seams() -> list[Seam]:
    """The internals of moto that this module stands on."""
    return list(_SEAMS)


def install(quotas: Quotas) -> None:
    """GetServiceQuota answers with what is in force; where nothing is, with the largest value."""
    check(_SEAMS)

    def get_service_quota(self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        action = _ACTIONS.get((service_code, quota_code))
        if action is None:
            answer: dict[str, Any] = _get(self, service_code, quota_code)
            return answer
        place = f"{self.region_name}:{self.account_id}"
        name = action.partition(".")[2]
        return {
            "ServiceCode": service_code,
            "QuotaCode": quota_code,
            "QuotaArn": f"arn:{self.partition}:servicequotas:{place}:{service_code}/{quota_code}",
            "QuotaName": f"Rate of {name} requests",
            "Value": quotas.per_second(action) or NO_LIMIT,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
            "QuotaAppliedAtLevel": "ACCOUNT",
        }

    moto_quotas.ServiceQuotasBackend.get_service_quota = get_service_quota
