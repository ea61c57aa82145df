"""The canary as a step: of its own flow each time, of a bootstrap once for what it set up."""

from prefect.artifacts import create_table_artifact

from birthcert.canary.flight import Flight
from birthcert.canary.records import Records
from birthcert.canary.verdict import canary_table, require_passed
from birthcert.models import (
    BootstrapRequest,
    CanaryReport,
    CanaryRequest,
    CertificateAuthority,
    DevicePolicy,
    Endpoint,
    IssuingAuthority,
    Place,
    ProvisioningRole,
    ProvisioningTemplate,
)
from birthcert.reaching import given_target, target_of
from birthcert.reports import page_key
from birthcert.settings import load_settings
from tasks.access import aws_in, ledger
from tasks.metrics import count_canary
from tasks.steps import step

ALL_MADE = "all of the bootstrap is made and stands, only the proof is missing"


@step("fly canary", cached=False)
def fly_canary(
    request: CanaryRequest, place: Place, authority: IssuingAuthority, endpoint: Endpoint
) -> CanaryReport:
    """A throw-away device, provisioned, connected, heard and taken away."""
    return require_passed(_flown(request, place, authority, endpoint))


@step("prove provisioning")
def prove_provisioning(
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    role: ProvisioningRole,
    policy: DevicePolicy,
    template: ProvisioningTemplate,
    endpoint: Endpoint,
) -> CanaryReport:
    """The same for what the bootstrap made; proved once, while nothing of it changes."""
    issuing = IssuingAuthority(**authority.model_dump(), template_body=template.body)
    report = _flown(request.canary_request(), place, issuing, endpoint)
    return require_passed(report, made=ALL_MADE)


def _flown(
    request: CanaryRequest, place: Place, authority: IssuingAuthority, endpoint: Endpoint
) -> CanaryReport:
    settings = load_settings()
    own_book = ledger().own_book

    def remember(arn: str) -> None:
        own_book.remember(request.tenant, place, authority.arn, {arn: "canary"})

    flight = Flight(
        aws_in(place.region, request.account_block),
        place,
        authority,
        target_of(endpoint, given_target(settings)),
        tenant=request.tenant,
        topic_namespace=request.topic_namespace or request.tenant,
        records=Records(settings.state_folder / "canaries" / place.key / request.tenant),
        bought=remember,
    )
    report = flight.fly()
    if report.passed:
        count_canary(request, place)
    create_table_artifact(
        key=page_key("canary", request.tenant, place),
        table=canary_table(report),
        description=f"Canary {report.thing_name} of {request.tenant}: "
        f"{'passed' if report.passed else 'FAILED'} in {report.seconds:.1f} s",
    )
    return report
