"""Prove that a new device of a tenant would be provisioned and could work, before one ships.

Needs a tenant that is bootstrapped, and a route from here to the device endpoint. Buys one
certificate of a day's life; its key never leaves the process, and all that the canary makes is
taken away again.
"""

from prefect import flow

from birthcert.models import CanaryReport, CanaryRequest
from flows.runbook import Runbook
from tasks.authority import find_issuing_authority
from tasks.caller import check_caller
from tasks.canary import fly_canary
from tasks.provisioning import describe_endpoint


@flow(name="canary", flow_run_name="canary · {request.tenant}")
def canary(request: CanaryRequest) -> CanaryReport:
    """Connect, drop, reconnect, publish, receive; certificate, thing and policy; taken away."""
    run = Runbook()
    place = run(check_caller, request).place
    authority = run(find_issuing_authority, request, place)
    endpoint = run(describe_endpoint, request, place)
    return run(fly_canary, request, place, authority, endpoint)
