"""A batch's price, before it is bought."""

from birthcert.models import IssueRequest, IssuingAuthority, Place
from birthcert.plan import IssuePlan, check_cost
from birthcert.planning import plan_issue
from tasks.access import aws_in, ledger
from tasks.steps import step


@step("price the batch", cached=False)
def price_batch(request: IssueRequest, place: Place, authority: IssuingAuthority) -> IssuePlan:
    """The whole manifest checked, compared with the ledger and priced; raises TooExpensive."""
    aws = aws_in(place.region, request.account_block)
    plan = plan_issue(aws, ledger(), request, place, authority)
    check_cost(plan.batch, request.max_cost_usd)
    return plan
