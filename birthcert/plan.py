"""What a batch will cost and take, before the first certificate is bought."""

import math

from birthcert import limits
from birthcert.models import Facts
from birthcert.prices import PRICES_AS_OF, UsageMode, certificates_usd, certificates_usd_least

_QUOTAS = limits.DEFAULT_QUOTAS_PER_SECOND["acm-pca"]


class BatchPlan(Facts):
    """The price, the time and the room of a batch.

    `price_usd` holds for `issued_this_month`; where that is None it is the most that the batch
    can cost, and `price_usd_least` what it costs after 10,000 others. `seconds` is at the quota
    that is in the way (`limited_by`, calls a second `quota_per_second`); `ca_room` counts the
    certificates that the CA can still issue [18, 19].
    """

    certificates: int
    usage_mode: UsageMode
    issued_this_month: int | None
    price_usd: float
    price_usd_least: float
    prices_as_of: str = PRICES_AS_OF
    seconds: int
    limited_by: str
    quota_per_second: float
    ca_room: int
    problems: list[str]


def plan_batch(
    certificates: int,
    *,
    usage_mode: UsageMode = "GENERAL_PURPOSE",
    validity_days: int,
    issued_by_ca: int = 0,
    issued_this_month: int | None = None,
    issue_per_second: float = _QUOTAS["IssueCertificate"],
    get_per_second: float = _QUOTAS["GetCertificate"],
) -> BatchPlan:
    """Plan a batch of so many certificates; ValueError for a count below 0 or no quota at all.

    `issued_by_ca` is what the CA has issued in its life, as far as it is known. A plan with
    `problems` cannot be carried out.
    """
    if certificates < 0 or min(issue_per_second, get_per_second) <= 0:
        raise ValueError("a plan needs a count of 0 or more and quotas above 0")
    rate, action = min((issue_per_second, "IssueCertificate"), (get_per_second, "GetCertificate"))
    room = max(0, limits.CERTIFICATES_PER_CA - issued_by_ca)
    price = certificates_usd(
        certificates, usage_mode=usage_mode, issued_this_month=issued_this_month or 0
    )
    least = price
    if issued_this_month is None:
        least = certificates_usd_least(certificates, usage_mode=usage_mode)
    return BatchPlan(
        certificates=certificates,
        usage_mode=usage_mode,
        issued_this_month=issued_this_month,
        price_usd=float(price),
        price_usd_least=float(least),
        seconds=math.ceil(certificates / rate),
        limited_by=f"acm-pca:{action}",
        quota_per_second=rate,
        ca_room=room,
        problems=_problems(certificates, room, usage_mode, validity_days),
    )


def _problems(certificates: int, room: int, usage_mode: UsageMode, validity_days: int) -> list[str]:
    problems = []
    if certificates > room:
        problems.append(
            f"the CA has room for {room:,} certificates of {limits.CERTIFICATES_PER_CA:,}, "
            f"not for {certificates:,}; use another CA or ask AWS for a higher quota"
        )
    if usage_mode == "SHORT_LIVED_CERTIFICATE" and validity_days > limits.SHORT_LIVED_MAX_DAYS:
        problems.append(
            f"a short-lived CA issues for {limits.SHORT_LIVED_MAX_DAYS} days at most, not for "
            f"{validity_days}; lower the validity or use a general-purpose CA"
        )
    return problems
