"""The first step of every flow: who are we, and is the request sound."""

from birthcert.aws import caller
from birthcert.models import BootstrapRequest, Caller, WhereRequest
from birthcert.preflight import check_bootstrap
from tasks.access import aws_in, region_of, share_quotas
from tasks.steps import step
from tasks.walls import check_reach, check_request


@step("check caller", cached=False)
def check_caller(request: WhereRequest) -> Caller:
    """The credentials' account is the one asked for, and AWS would take what is asked for."""
    check_request(request)
    aws = aws_in(region_of(request), request.account_block)
    found = caller.check_caller(aws, request)
    if isinstance(request, BootstrapRequest):
        check_bootstrap(request, found.place)
    check_reach(request, found.place)
    share_quotas(request, found.place)
    return found
