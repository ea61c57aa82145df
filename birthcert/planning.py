"""What a command would do here and cost: reads AWS and the manifest, touches nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from birthcert import limits
from birthcert.authority_plan import ChainLink, plan_authority
from birthcert.aws import private_ca, registration
from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import issuing_authority
from birthcert.aws.caller import check_caller, resolve_region
from birthcert.aws.service_quotas import quota_per_second
from birthcert.errors import ResourceGone
from birthcert.hierarchy_plan import with_root_authority
from birthcert.issuance.batch import checked_rows, chunks
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.helper import Helper
from birthcert.issuance.layout import is_large
from birthcert.issuance.reading import READ_EACH, ReadAhead
from birthcert.ledger.ledger import Ledger, utc_now
from birthcert.models import (
    BootstrapRequest,
    Facts,
    IssueRequest,
    IssuingAuthority,
    Place,
    RolloverRequest,
)
from birthcert.place_plan import PlannedStep, further_steps, place_steps
from birthcert.plan import IssuePlan, month_around, plan_batch
from birthcert.preflight import check_bootstrap
from birthcert.prices import PRICES_AS_OF, UsageMode
from birthcert.rollover_plan import BILLS_ON, check_replaced, replacing_steps
from birthcert.settings import load_settings
from birthcert.storage.stores import Storage

BUYING: Final = ("IssueCertificate", "GetCertificate")
_DEFAULTS: Final = limits.DEFAULT_QUOTAS_PER_SECOND["acm-pca"]
ROWS_AT_ONCE: Final = 500
REFUSALS_SHOWN: Final = 20


class BootstrapPlan(Facts):
    """What `birthcert bootstrap` or `rollover` would do.

    `usd_a_month` is what comes on top every month. `chain` leads from the issuing CA up to the
    root, as far as it is known; `first_end` is when the first of it ends: no device's certificate
    lives longer.
    """

    tenant: str
    account: str
    region: str
    sandbox: str | None
    steps: list[PlannedStep]
    usd_now: float
    usd_a_month: float
    prices_as_of: str = PRICES_AS_OF
    chain: list[ChainLink]
    first_end: datetime | None
    advice: list[str]


def plan_here(request: BootstrapRequest | IssueRequest) -> BootstrapPlan | IssuePlan:
    """The plan of a request with this machine's credentials; raises what the flows would raise."""
    settings = load_settings()
    aws = AwsAccess(resolve_region(request), retry_seconds=settings.retry_seconds)
    place = check_caller(aws, request).place
    if isinstance(request, RolloverRequest):
        return plan_rollover(aws, request, place)
    if isinstance(request, BootstrapRequest):
        return plan_bootstrap(aws, request, place)
    authority = registration.with_template(aws, issuing_authority(aws, request, place))
    with Ledger.open(settings.ledger_url, settings.state_folder) as ledger:
        return plan_issue(aws, ledger, request, place, authority)


def plan_bootstrap(aws: AwsAccess, request: BootstrapRequest, place: Place) -> BootstrapPlan:
    """Each step of the bootstrap looked up in AWS, none carried out."""
    check_bootstrap(request, place)
    authority = plan_authority(aws, request, place, now=utc_now())
    if request.authority == "pca-hierarchy":
        authority = with_root_authority(authority, request, place, now=utc_now())
    steps = [
        *authority.steps,
        *place_steps(aws, request, place, authority.installed),
        *further_steps(request, place, authority.installed),
    ]
    return BootstrapPlan(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        sandbox=place.sandbox,
        steps=steps,
        usd_now=sum(step.usd for step in steps),
        usd_a_month=authority.usd_a_month,
        chain=authority.chain,
        first_end=min((link.not_after for link in authority.chain), default=None),
        advice=authority.advice,
    )


def plan_rollover(aws: AwsAccess, request: RolloverRequest, place: Place) -> BootstrapPlan:
    """The successor as a bootstrap would make it, and what follows for the old CA."""
    old = check_replaced(aws, request, place)
    plan = plan_bootstrap(aws, request, place)
    steps = [*plan.steps, *replacing_steps(aws, request, place, old)]
    return plan.model_copy(update={"steps": steps, "advice": [*plan.advice, BILLS_ON]})


def plan_issue(
    aws: AwsAccess,
    ledger: Ledger,
    request: IssueRequest,
    place: Place,
    authority: IssuingAuthority,
) -> IssuePlan:
    """The manifest read and checked to its end, compared with the ledger, and priced."""
    now = utc_now()
    count = _counted(Storage(aws), ledger, request, place, authority)
    issue_quota, get_quota = _quotas(aws, request)
    usage_mode: UsageMode = private_ca.describe(aws, authority.arn)["UsageMode"]
    month, next_month = month_around(now)
    return IssuePlan(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        sandbox=place.sandbox,
        authority_arn=authority.arn,
        authority_not_after=authority.not_after,
        days_left=(datetime.fromisoformat(authority.not_after) - now).days,
        rows=count.rows,
        refused=count.refused,
        refusals=count.refusals,
        existing=count.existing,
        batch=plan_batch(
            count.rows - count.refused - count.existing,
            usage_mode=usage_mode,
            validity_days=request.validity_days,
            issued_by_ca=ledger.count_bought(place).get(authority.arn, 0),
            issued_this_month=_bought_alike(
                aws, ledger.count_bought(place, month), authority.arn, usage_mode
            ),
            month_ends_in_seconds=(next_month - now).total_seconds(),
            issue_per_second=issue_quota,
            get_per_second=get_quota,
        ),
    )


def _quotas(aws: AwsAccess, request: IssueRequest) -> list[float | None]:
    """How often a second the batch may call, by AWS and by its own wishes; None: not known."""
    told = {name: quota_per_second(aws, f"acm-pca.{name}") for name in BUYING}
    told["IssueCertificate"] = request.rate_per_second or told["IssueCertificate"]
    if request.quota_share < 1:
        told = {name: quota or _DEFAULTS[name] for name, quota in told.items()}
    return [quota and quota * request.quota_share for quota in told.values()]


@dataclass
class _Count:
    rows: int = 0
    refused: int = 0
    existing: int = 0
    refusals: list[str] = field(default_factory=list)


def _counted(
    storage: Storage,
    ledger: Ledger,
    request: IssueRequest,
    place: Place,
    authority: IssuingAuthority,
) -> _Count:
    """What the manifest holds; a few hundred rows in memory at a time."""
    count = _Count()
    with Helper() as helper:
        rows = checked_rows(
            request,
            authority.template_body or None,
            rehearse=True,
            read=ReadAhead(helper) if is_large(request, storage) else READ_EACH,
            storage=storage,
        )
        for chunk in chunks(rows, ROWS_AT_ONCE):
            devices = [(row.device_id, row.csr.sha256) for row in chunk if isinstance(row, Device)]
            refused = [row for row in chunk if isinstance(row, DeviceOutcome)]
            count.rows += len(chunk)
            count.refused += len(refused)
            count.existing += len(ledger.bought_of(place, authority.arn, devices))
            room = REFUSALS_SHOWN - len(count.refusals)
            count.refusals += [f"row {row.row}: {row.reason}" for row in refused[:room]]
    return count


def _bought_alike(
    aws: AwsAccess, bought: Mapping[str, int], authority_arn: str, usage_mode: UsageMode
) -> int:
    """What counts for the tiers: certificates of CAs with the same prices; a CA that is gone
    tells its prices no more, and is left out."""
    total = 0
    for arn, count in bought.items():
        if arn == authority_arn or _usage_mode(aws, arn) == usage_mode:
            total += count
    return total


def _usage_mode(aws: AwsAccess, authority_arn: str) -> str | None:
    try:
        return str(private_ca.describe(aws, authority_arn)["UsageMode"])
    except ResourceGone:
        return None
