"""Make one account and region ready for just-in-time provisioning of a tenant's devices.

Reads top to bottom as the runbook of an AWS Private CA. Each step looks before it makes, so a
run on an account that is half set up finishes it, and a second run makes nothing. Credentials
come from the standard boto3 chain; no secret is a parameter, and none is written anywhere.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from birthcert.models import BootstrapReport, BootstrapRequest
from birthcert.reports import bootstrap_markdown, bootstrap_report, page_key
from flows.authority import certificate_authority
from flows.places import make_others_ready, make_ready, reach_places
from flows.runbook import Runbook
from tasks.canary import prove_provisioning


@flow(name="bootstrap", flow_run_name="bootstrap · {request.tenant}")
def bootstrap(request: BootstrapRequest) -> BootstrapReport:
    """Certificate authority, registration with AWS IoT, and the provisioning template."""
    run = Runbook(refresh=request.refresh)
    further = reach_places(run, request)
    place = further.home
    authority = certificate_authority(run, request, place)
    ready = make_ready(run, request, place, authority, further.regions_of(place))
    others = make_others_ready(request, further, authority)
    report = bootstrap_report(
        request=request,
        place=place,
        authority=authority,
        ready=ready,
        places=others,
        steps=run.steps,
        seconds=run.seconds,
    )
    create_markdown_artifact(
        key=page_key("bootstrap", request.tenant, place),
        markdown=bootstrap_markdown(report),
        description=authority.arn,
    )
    if not (request.canary and run.made_something):
        return report
    # last, and after the report: a proof that fails takes nothing of it back
    made = (ready.role, ready.policy, ready.template, ready.endpoint)
    proof = run(prove_provisioning, request, place, authority, *made)
    return report.model_copy(update={"canary": proof, "steps": run.steps, "seconds": run.seconds})
