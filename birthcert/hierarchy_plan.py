"""What the ROOT Private CA above the one that issues adds to a bootstrap's plan."""

from datetime import datetime, timedelta
from typing import Final

from birthcert.authority_plan import AuthorityPlan, ChainLink
from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.creation import check_alike
from birthcert.aws.generations import Held, held_by, root_of
from birthcert.aws.hierarchy import wanted_root
from birthcert.models import BootstrapRequest, Place, WhereRequest
from birthcert.pki.templates import subordinate_template
from birthcert.place_plan import PlannedStep, access_of
from birthcert.prices import authority_usd

BILLS_ON: Final = (
    "the root is disabled once it has signed, and bills on like any CA: what that saves is risk, "
    "not money [1]"
)


def with_root_authority(
    plan: AuthorityPlan, request: BootstrapRequest, place: Place, *, now: datetime
) -> AuthorityPlan:
    """The plan of a subordinate CA with its root: looked up in the root's account, by its tags."""
    where = WhereRequest(
        tenant=request.tenant,
        region=place.region,
        partition=place.partition,
        account_block=request.pca_root.account_block or request.account_block,
    )
    aws = access_of(where)
    found = root_of(held_by(aws, request.tenant, place))
    if found is not None:
        check_alike(found.description, wanted_root(request))
    is_signed = plan.installed is not None
    what = f"a ROOT certificate authority with a key of {request.pca_root.key_algorithm}"
    if found is not None:
        what = f"{found.arn} ({found.description['Status']})"
    root = _step("create_root_authority", what, is_done=found is not None)
    signing = _step(
        "sign_by_root_authority",
        subordinate_template(request.certificate_authority.length_below()),
        is_done=is_signed,
    )
    is_off = found is not None and found.description["Status"] == "DISABLED"
    disabling = _step(
        "disable_root_authority", "the root, which bills on", is_done=is_signed and is_off
    )
    others = [step for step in plan.steps if step.step != "sign_ca_certificate"]
    # the chain of what is signed has its root already
    above = [] if is_signed else [_link(aws, request, found, now)]
    usd = 0.0 if found else float(authority_usd("GENERAL_PURPOSE"))
    return plan.model_copy(
        update={
            "steps": [root, others[0], signing, *others[1:], disabling],
            "usd_a_month": plan.usd_a_month + usd,
            "chain": [*plan.chain, *above],
            "advice": [*plan.advice, BILLS_ON],
        }
    )


def _link(
    aws: AwsAccess, request: BootstrapRequest, found: Held | None, now: datetime
) -> ChainLink:
    if found is None:
        ends = now + timedelta(days=request.pca_root.validity_days)
        return ChainLink(name=f"the root of {request.tenant}", not_after=ends, is_planned=True)
    not_after = private_ca.installed_authority(aws, found.arn).not_after
    return ChainLink(name="the root", not_after=datetime.fromisoformat(not_after))


def _step(name: str, what: str, *, is_done: bool) -> PlannedStep:
    return PlannedStep(step=name, action="keep" if is_done else "make", what=what)
