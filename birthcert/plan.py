"""What a batch will cost and take, before the first certificate is bought."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from birthcert import limits
from birthcert.durations import duration
from birthcert.errors import ConfigurationError
from birthcert.ledger.quotas import UNPACED_PER_SECOND
from birthcert.models import Facts
from birthcert.prices import PRICES_AS_OF, UsageMode, certificates_usd, certificates_usd_least

_QUOTAS = limits.DEFAULT_QUOTAS_PER_SECOND["acm-pca"]
NOT_KNOWN: Final = (
    "what others bought in this account and region this month: it makes the batch cheaper",
    "what this CA issued without this ledger: it leaves less room",
)

QUOTA_NOT_KNOWN: Final = "the quota in force: AWS did not say, so its default is taken"


class TooExpensive(ConfigurationError):
    """A batch can cost more than the cap that was given; nothing was bought."""


class BatchPlan(Facts):
    """The price, the time and the room of a batch.

    `price_usd` comes on top of the `issued_this_month` that are known; certificates that others
    bought in the month make it cheaper, down to `price_usd_least`. `seconds` is at the quota
    that is in the way (`limited_by`, calls a second `quota_per_second`); `ca_room` counts the
    certificates that the CA can still issue [18, 19]. `not_known` says what the plan leaves out.
    """

    certificates: int
    usage_mode: UsageMode
    issued_this_month: int
    price_usd: float
    price_usd_least: float
    prices_as_of: str = PRICES_AS_OF
    seconds: int
    limited_by: str
    quota_per_second: float
    ca_room: int
    problems: list[str]
    not_known: tuple[str, ...] = ()


class IssuePlan(Facts):
    """What `birthcert issue` would do: `batch` prices the rows that would be bought.

    Of the manifest's `rows`, `refused` cannot be certified, `existing` are by the ledger, and the
    rest is `batch.certificates`.
    """

    tenant: str
    account: str
    region: str
    sandbox: str | None
    authority_arn: str
    authority_not_after: str
    days_left: int
    rows: int
    refused: int
    refusals: list[str]
    existing: int = 0
    batch: BatchPlan


def plan_batch(
    certificates: int,
    *,
    usage_mode: UsageMode = "GENERAL_PURPOSE",
    validity_days: int,
    issued_by_ca: int = 0,
    issued_this_month: int = 0,
    month_ends_in_seconds: float = math.inf,
    issue_per_second: float | None = None,
    get_per_second: float | None = None,
) -> BatchPlan:
    """Plan a batch of so many certificates; ValueError for a count below 0 or no quota at all.

    `issued_by_ca` and `issued_this_month` (in the account and region) are what is known of both.
    The quotas are those in force, None where they are not known. What they put into the next
    month is priced from the first tier anew. A plan with `problems` cannot be carried out.
    """
    quotas = {"IssueCertificate": issue_per_second, "GetCertificate": get_per_second}
    if certificates < 0 or any(quota is not None and quota <= 0 for quota in quotas.values()):
        raise ValueError("a plan needs a count of 0 or more and quotas above 0")
    rate, action = min((quota or _QUOTAS[name], name) for name, quota in quotas.items())
    guessed = (QUOTA_NOT_KNOWN,) if quotas[action] is None else ()
    room = max(0, limits.CERTIFICATES_PER_CA - issued_by_ca)
    this_month = int(min(certificates, month_ends_in_seconds * rate))
    price = certificates_usd(
        this_month, usage_mode=usage_mode, issued_this_month=issued_this_month
    ) + certificates_usd(certificates - this_month, usage_mode=usage_mode)
    return BatchPlan(
        certificates=certificates,
        usage_mode=usage_mode,
        issued_this_month=issued_this_month,
        price_usd=float(price),
        price_usd_least=float(certificates_usd_least(certificates, usage_mode=usage_mode)),
        seconds=math.ceil(certificates / rate),
        limited_by=f"acm-pca:{action}",
        quota_per_second=rate,
        ca_room=room,
        problems=_problems(certificates, room, usage_mode, validity_days),
        not_known=(*NOT_KNOWN, *guessed),
    )


def plan_together(plans: Sequence[IssuePlan]) -> IssuePlan:
    """The plans of several places as one: sums, and the time of the slowest."""

    def joined(name: str) -> str:
        return ", ".join(dict.fromkeys(getattr(each, name) for each in plans))

    counts = ("rows", "refused", "existing")
    batches = [each.batch for each in plans]
    summed = ("certificates", "issued_this_month", "price_usd", "price_usd_least", "ca_room")
    batch = max(batches, key=lambda each: each.seconds).model_copy(
        update={name: sum(getattr(each, name) for each in batches) for name in summed}
        | {"problems": [problem for each in batches for problem in each.problems]}
    )
    return plans[0].model_copy(
        update={name: sum(getattr(each, name) for each in plans) for name in counts}
        | {name: joined(name) for name in ("account", "region", "authority_arn")}
        | {"days_left": min(each.days_left for each in plans), "batch": batch}
    )


def check_cost(plan: BatchPlan, max_cost_usd: float | None) -> None:
    """Raises TooExpensive where the batch can cost more than the cap."""
    if max_cost_usd is not None and plan.price_usd > max_cost_usd:
        raise TooExpensive(
            f"{plan.certificates:,} certificates can cost {plan.price_usd:,.2f} USD, more than "
            f"the cap of {max_cost_usd:,.2f}",
            remedy="nothing was bought: raise the cap (--max-cost) or split the manifest",
            price_usd=plan.price_usd,
            max_cost_usd=max_cost_usd,
            certificates=plan.certificates,
        )


def batch_facts(plan: BatchPlan) -> dict[str, str]:
    """A plan as lines for people: price, time, room, and what is not known."""
    price = f"{plan.price_usd:,.2f} USD at most"
    if plan.price_usd_least < plan.price_usd:
        price += f", {plan.price_usd_least:,.2f} at least"
    return {
        "price": f"{price} (prices of {plan.prices_as_of}), after {plan.issued_this_month:,} "
        "certificates of this month that the ledger knows",
        "time": _time(plan),
        "room in the CA": f"{plan.ca_room:,}",
        "not known": "; ".join(plan.not_known),
    }


def _time(plan: BatchPlan) -> str:
    if plan.quota_per_second >= UNPACED_PER_SECOND:
        return "no quota is in the way"
    quota = f"{plan.quota_per_second:,.10g} {plan.limited_by}"
    return f"{duration(plan.seconds)} at {quota} a second"


def month_around(moment: datetime) -> tuple[datetime, datetime]:
    """When the calendar month began by which AWS counts, and when the next one does [19]."""
    start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=32)).replace(day=1)


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
