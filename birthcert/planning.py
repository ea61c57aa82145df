"""What bootstrap or issue would do here and cost: reads AWS and the manifest, touches nothing."""

from datetime import UTC, datetime
from typing import Literal

from birthcert.aws import iam, private_ca, provisioning, registration
from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import find_certificate_authority, issuing_authority
from birthcert.aws.caller import check_caller, resolve_region
from birthcert.issuance.batch import checked_rows
from birthcert.issuance.devices import DeviceOutcome
from birthcert.models import BootstrapRequest, Facts, IssueRequest, Place
from birthcert.plan import BatchPlan, plan_batch
from birthcert.preflight import check_bootstrap
from birthcert.prices import PRICES_AS_OF, authority_usd, certificates_usd
from birthcert.settings import load_settings

Action = Literal["make", "keep"]


class PlannedStep(Facts):
    """What a step would do: `make` its resource, or `keep` the one that is there."""

    step: str
    action: Action
    what: str
    usd: float = 0.0


class BootstrapPlan(Facts):
    """What `birthcert bootstrap` would do; `usd_a_month` is what comes on top every month."""

    tenant: str
    account: str
    region: str
    sandbox: str | None
    steps: list[PlannedStep]
    usd_now: float
    usd_a_month: float
    prices_as_of: str = PRICES_AS_OF


class IssuePlan(Facts):
    """What `birthcert issue` would do: `batch` prices the rows that can be certified."""

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
    batch: BatchPlan


def plan_here(request: BootstrapRequest | IssueRequest) -> BootstrapPlan | IssuePlan:
    """The plan of a request with this machine's credentials; raises what the flows would raise."""
    aws = AwsAccess(resolve_region(request), retry_seconds=load_settings().retry_seconds)
    place = check_caller(aws, request).place
    if isinstance(request, BootstrapRequest):
        return plan_bootstrap(aws, request, place)
    return plan_issue(aws, request, place)


def plan_bootstrap(aws: AwsAccess, request: BootstrapRequest, place: Place) -> BootstrapPlan:
    """Each step of the bootstrap looked up in AWS, none carried out."""
    check_bootstrap(request, place)
    authority = find_certificate_authority(aws, request.tenant, place)
    mode = request.certificate_authority.usage_mode
    steps = _authority_steps(authority, request)
    steps += _registration_steps(aws, authority, request)
    steps += _provisioning_steps(aws, request, place)
    new_authority = authority is None
    return BootstrapPlan(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        sandbox=place.sandbox,
        steps=steps,
        usd_now=sum(step.usd for step in steps),
        usd_a_month=float(authority_usd(mode)) if new_authority else 0.0,
    )


def plan_issue(aws: AwsAccess, request: IssueRequest, place: Place) -> IssuePlan:
    """The manifest read and checked to its end, and priced."""
    authority = issuing_authority(aws, request, place)
    issuer = registration.with_template(aws, authority)
    checked = list(checked_rows(request, issuer.template_body or None, rehearse=True))
    refusals = [f"row {row.row}: {row.reason}" for row in checked if isinstance(row, DeviceOutcome)]
    usage_mode = private_ca.describe(aws, authority.arn)["UsageMode"]
    return IssuePlan(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        sandbox=place.sandbox,
        authority_arn=authority.arn,
        authority_not_after=authority.not_after,
        days_left=(datetime.fromisoformat(authority.not_after) - datetime.now(UTC)).days,
        rows=len(checked),
        refused=len(refusals),
        refusals=refusals[:20],
        batch=plan_batch(
            len(checked) - len(refusals),
            usage_mode=usage_mode,
            validity_days=request.validity_days,
        ),
    )


def _authority_steps(
    authority: dict[str, object] | None, request: BootstrapRequest
) -> list[PlannedStep]:
    if authority is None:
        key = request.certificate_authority.key_algorithm
        what = f"a ROOT certificate authority with a key of {key}"
        install = PlannedStep(step="install_ca_certificate", action="make", what="its certificate")
        return [PlannedStep(step="create_certificate_authority", action="make", what=what), install]
    arn, status = str(authority["Arn"]), str(authority["Status"])
    pending = status == "PENDING_CERTIFICATE"
    return [
        PlannedStep(step="create_certificate_authority", action="keep", what=f"{arn} ({status})"),
        PlannedStep(
            step="install_ca_certificate",
            action="make" if pending else "keep",
            what="its certificate",
        ),
    ]


def _registration_steps(
    aws: AwsAccess, found: dict[str, object] | None, request: BootstrapRequest
) -> list[PlannedStep]:
    registered = template_is_set = False
    if found is not None and found["Status"] == "ACTIVE":
        authority = private_ca.active_authority(aws, str(found["Arn"]))
        description = registration.find_registration(aws, authority)
        registered = description is not None
        template_is_set = bool(description and description["registrationConfig"])
    usage_mode = request.certificate_authority.usage_mode
    price = 0.0 if registered else float(certificates_usd(1, usage_mode=usage_mode))
    proof = [_step("issue_verification_certificate", registered, "the proof of the CA", price)]
    return [
        *(proof if request.registration_mode == "DEFAULT" else []),
        _step("register_ca_certificate", registered, "the CA's registration with AWS IoT"),
        _step("attach_provisioning_template", template_is_set, "the provisioning template"),
    ]


def _provisioning_steps(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> list[PlannedStep]:
    thing_type = provisioning.find_thing_type(aws, request.thing_type)
    policy = provisioning.find_device_policy(aws, request, place)
    role = iam.find_role(aws, request.role_name)
    return [
        _step("create_thing_type", thing_type is not None, f"thing type {request.thing_type}"),
        _step("create_device_policy", policy is not None, f"policy {request.policy_name()}"),
        _step("create_provisioning_role", role is not None, f"role {request.role_name}"),
    ]


def _step(name: str, is_there: bool, what: str, usd: float = 0.0) -> PlannedStep:
    return PlannedStep(step=name, action="keep" if is_there else "make", what=what, usd=usd)
