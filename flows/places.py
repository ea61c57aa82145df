"""What devices need in one account and region; and the same in several at once."""

from birthcert.models import (
    BootstrapRequest,
    CertificateAuthority,
    CheckedPlace,
    CheckedPlaces,
    Place,
    PlaceReport,
    ReadyPlace,
)
from birthcert.reports import place_report
from flows.runbook import Runbook, side_by_side
from tasks.caller import check_caller
from tasks.places import check_further_places
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


def reach_places(run: Runbook, request: BootstrapRequest) -> CheckedPlaces:
    """Who we are where the run works, and in each further place that the request names."""
    home = run(check_caller, request).place
    if not request.further_places:
        return CheckedPlaces(home=home)
    return run(check_further_places, request, home)


def make_ready(
    run: Runbook,
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    regions: list[str],
) -> ReadyPlace:
    """The CA registered with AWS IoT, and the provisioning of its devices.

    `regions` are all in which this run works in the place's account.
    """
    verification = None
    if request.registration_mode == "DEFAULT":
        code = run(get_registration_code, request, place)
        verification = run(issue_verification_certificate, request, place, authority, code)
    registration = run(register_ca_certificate, request, place, authority, verification)
    thing_type = run(create_thing_type, request, place)
    policy = run(create_device_policy, request, place)
    role = run(create_provisioning_role, request, place, regions)
    template = run(
        attach_provisioning_template, request, place, registration, role, policy, thing_type
    )
    run(verify_registration, request, place, authority, registration, template, role)
    endpoint = run(describe_endpoint, request, place)
    return ReadyPlace(
        registration=registration, role=role, policy=policy, template=template, endpoint=endpoint
    )


def make_others_ready(
    request: BootstrapRequest, further: CheckedPlaces, authority: CertificateAuthority
) -> list[PlaceReport]:
    """The same in each further place, all at once; what fails in one is told in its report."""

    def ready(each: CheckedPlace) -> PlaceReport:
        run = Runbook(refresh=request.refresh, where=each.name)
        made = run.attempt(
            lambda: make_ready(
                run, each.request, each.reached(), authority, further.regions_of(each.place)
            )
        )
        return place_report(each, made, run.failed_step, run.steps, run.seconds)

    return side_by_side(ready, further.places)
