"""Certify one manifest in several places at once: quotas for each, and one place a device.

Needs a tenant that is bootstrapped, with a CA, in each place. The manifest's rows are spread over
the places, a device that is certified already stays where it is, and each place's rows are a batch
as `issue` has it, in a folder of its own. Nothing is bought twice, whatever dies.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from birthcert.errors import BirthcertError
from birthcert.issuance.progress import Together, follower
from birthcert.models import FleetPart, FleetPlaceReport, FleetReport, FleetRequest
from birthcert.models.fleet import PLACES_MAX
from birthcert.reports import fleet_markdown
from flows.approval import agree_on_fleet_price
from flows.chunks import CHUNKS_IN_FLIGHT
from flows.issue import issue
from flows.runbook import Runbook, side_by_side
from tasks.fleet import add_up, check_fleet_places, spread_devices


@flow(
    name="fleet",
    flow_run_name="fleet · {request.tenant}",
    task_runner=ThreadPoolTaskRunner(max_workers=PLACES_MAX * CHUNKS_IN_FLIGHT),  # type: ignore[arg-type]
)
def fleet(request: FleetRequest) -> FleetReport:
    """Each row to its place, each place's batch beside the others, one report of all rows."""
    run = Runbook()
    checked = run(check_fleet_places, request)
    spread = run(spread_devices, request, checked)
    agree_on_fleet_price(request, spread.parts)
    places = certified_side_by_side(spread.parts)
    report = add_up(request, spread, places, seconds=run.seconds)
    create_markdown_artifact(key=f"fleet-{request.tenant}", markdown=fleet_markdown(report))
    return report


def certified_side_by_side(parts: list[FleetPart]) -> list[FleetPlaceReport]:
    """The batch of each place, all at once; what ends one is told in its report."""
    together = Together(follower.get(), sum(part.devices for part in parts))

    def certified(part: FleetPart) -> FleetPlaceReport:
        report = FleetPlaceReport(
            account=part.place.account,
            region=part.place.region,
            devices=part.devices,
            problem=part.problem,
        )
        if part.problem or not part.devices:
            return report
        follower.set(together.member(part.name))
        # inside this run: its tags wall the batch in, and its page shows the batch's steps
        batch = Runbook.attempt(lambda: issue.fn(part.request))
        if isinstance(batch, BirthcertError):
            return report.model_copy(update={"problem": str(batch)})
        return report.model_copy(update={"batch": batch})

    return side_by_side(certified, parts, at_once=PLACES_MAX)
