"""Replace a tenant's certificate authority by a successor, without an hour in which none works.

The successor is made and registered beside the old CA, proved with a throw-away device, and then
issues. Devices of both connect. The old registration is ended when the owner says so, in the same
run or in a later one with the same request. Credentials are those of the bootstrap.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from birthcert.models import (
    CertificateAuthority,
    CheckedPlace,
    CheckedPlaces,
    OldRegistrationReport,
    RolloverReport,
    RolloverRequest,
)
from birthcert.reports import page_key
from birthcert.rollover_reports import (
    old_registration_report,
    rollover_markdown,
    rollover_report,
)
from flows.authority import certificate_authority
from flows.places import make_others_ready, make_ready, reach_places
from flows.runbook import Runbook, side_by_side
from tasks.canary import prove_provisioning
from tasks.rollover import end_old_registration, find_replaced_authority, move_issuing


@flow(name="rollover", flow_run_name="rollover · {request.tenant}")
def rollover(request: RolloverRequest) -> RolloverReport:
    """A successor in every place, proved; then issuing moves, then the old registrations end."""
    run = Runbook(refresh=request.refresh)
    further = reach_places(run, request)
    place = further.home
    old = run(find_replaced_authority, request, place)
    successor = certificate_authority(run, request, place)
    ready = make_ready(run, request, place, successor, further.regions_of(place))
    others = make_others_ready(request, further, successor)
    proof, ended, moves = None, [], all(each.ready for each in others)
    if moves:
        if request.canary and not old.is_replaced:
            made = (ready.role, ready.policy, ready.template, ready.endpoint)
            proof = run(prove_provisioning, request, place, successor, *made)
        run(move_issuing, request, place, old, successor)
        ended = end_old_registrations(run, request, further, old)
    report = rollover_report(
        request, place, successor, ready, moved=moves, canary=proof, steps=run.steps
    ).model_copy(update={"places": others, "old_registrations": ended, "seconds": run.seconds})
    create_markdown_artifact(
        key=page_key("rollover", request.tenant, place), markdown=rollover_markdown(report)
    )
    return report


def end_old_registrations(
    run: Runbook, request: RolloverRequest, further: CheckedPlaces, old: CertificateAuthority
) -> list[OldRegistrationReport]:
    """The same wish in each place; where it cannot be met, that place's entry says why."""

    def ended(each: CheckedPlace) -> OldRegistrationReport:
        own = Runbook(refresh=request.refresh, where=each.name)
        state = own.attempt(
            lambda: own(
                end_old_registration, each.request, each.reached(), old, request.old_registration
            )
        )
        return old_registration_report(each.reached(), state)

    home = run.attempt(
        lambda: run(end_old_registration, request, further.home, old, request.old_registration)
    )
    there = side_by_side(ended, further.places)
    return [old_registration_report(further.home, home), *there]
