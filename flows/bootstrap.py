"""Make one account and region ready for just-in-time provisioning of a tenant's devices.

Reads top to bottom as the runbook of an AWS Private CA. Each step looks before it makes, so a
run on an account that is half set up finishes it, and a second run makes nothing. Credentials
come from the standard boto3 chain; no secret is a parameter, and none is written anywhere.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from birthcert.models import BootstrapReport, BootstrapRequest
from birthcert.reports import bootstrap_markdown, bootstrap_report
from flows.runbook import Runbook
from tasks.authority import create_certificate_authority, install_ca_certificate
from tasks.caller import check_caller
from tasks.canary import prove_provisioning
from tasks.provisioning import (
    attach_provisioning_template,
    create_device_policy,
    create_provisioning_role,
    create_thing_type,
    describe_endpoint,
)
from tasks.registration import (
    get_registration_code,
    issue_verification_certificate,
    register_ca_certificate,
    verify_registration,
)


@flow(name="bootstrap", flow_run_name="bootstrap · {request.tenant}")
def bootstrap(request: BootstrapRequest) -> BootstrapReport:
    """Certificate authority, registration with AWS IoT, and the provisioning template."""
    run = Runbook(refresh=request.refresh)
    place = run(check_caller, request).place
    authority = run(create_certificate_authority, request, place)
    authority = run(install_ca_certificate, request, place, authority)
    verification = None
    if request.registration_mode == "DEFAULT":
        code = run(get_registration_code, request, place)
        verification = run(issue_verification_certificate, request, place, authority, code)
    registration = run(register_ca_certificate, request, place, authority, verification)
    thing_type = run(create_thing_type, request, place)
    policy = run(create_device_policy, request, place)
    role = run(create_provisioning_role, request, place)
    template = run(
        attach_provisioning_template, request, place, registration, role, policy, thing_type
    )
    run(verify_registration, request, place, authority, registration, template, role)
    endpoint = run(describe_endpoint, request, place)
    report = bootstrap_report(
        request=request,
        place=place,
        authority=authority,
        registration=registration,
        role=role,
        policy=policy,
        template=template,
        endpoint=endpoint,
        steps=run.steps,
        seconds=run.seconds,
    )
    create_markdown_artifact(
        key=f"bootstrap-{request.tenant}-{place.region}", markdown=bootstrap_markdown(report)
    )
    if not (request.canary and run.made_something):
        return report
    # last, and after the report: a proof that fails takes nothing of it back
    proof = run(prove_provisioning, request, place, authority, role, policy, template, endpoint)
    return report.model_copy(update={"canary": proof, "steps": run.steps, "seconds": run.seconds})
