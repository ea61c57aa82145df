"""What a batch over several places would do and cost: each place's part, and the sum."""

from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import issuing_authority
from birthcert.aws.caller import check_caller
from birthcert.aws.registration import with_template
from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.issuance.fleet_parts import Reached, parts_of
from birthcert.issuance.output import read_report
from birthcert.issuance.spreading import REFUSED, spread_manifest
from birthcert.ledger.ledger import Ledger
from birthcert.models import Facts, FleetPart, FleetRequest, WhereRequest
from birthcert.place_plan import access_of
from birthcert.plan import BatchPlan, IssuePlan, plan_together
from birthcert.planning import REFUSALS_SHOWN, plan_issue
from birthcert.settings import load_settings
from birthcert.storage.local import LocalFolder
from birthcert.storage.stores import Storage


class FleetPlan(Facts):
    """What `birthcert fleet` would do: `batch` sums the `places` that get devices.

    Of the manifest's `rows`, `refused` go to no place, `existing` are certified by the ledger, and
    the rest is `batch.certificates`. The places work at the same time: `batch.seconds` is the
    slowest one's.
    """

    tenant: str
    sandbox: str | None
    rows: int
    refused: int
    refusals: list[str]
    existing: int
    places: list[IssuePlan]
    batch: BatchPlan


def plan_fleet_here(request: FleetRequest) -> FleetPlan:
    """The plan with this machine's credentials, as `plan_here` has it for one place."""
    settings = load_settings()
    with Ledger.open(settings.ledger_url, settings.state_folder) as ledger:
        return plan_fleet(ledger, request)


def plan_fleet(ledger: Ledger, request: FleetRequest) -> FleetPlan:
    """The manifest read and checked to its end, spread, compared with the ledger, and priced.

    Raises ConfigurationError where a place cannot be reached, and where no row can be certified.
    """
    reached = [(access_of(where), where) for where in request.wheres()]
    with TemporaryDirectory(prefix="birthcert-plan-") as folder:
        request = request.model_copy(update={"out": folder})
        parts = parts_of(request, [_reached(*each) for each in reached], LocalFolder(Path(folder)))
        spread = spread_manifest(
            request,
            parts,
            look_up=partial(ledger.places_of, request.tenant),
            storage=Storage(reached[0][0]),
            rehearse=True,
        )
        plans = [
            _planned(aws, ledger, part)
            for (aws, _), part in zip(reached, spread.parts, strict=True)
            if part.devices
        ]
        refused = islice(read_report(LocalFolder(Path(folder)), REFUSED), REFUSALS_SHOWN)
        refusals = [f"row {row.row}: {row.reason}" for row in refused]
    if not plans:
        raise ConfigurationError(
            "no row of the manifest can be certified",
            remedy=f"nothing was touched: {refusals[0]}",
        )
    together = plan_together(plans)
    return FleetPlan(
        tenant=request.tenant,
        sandbox=plans[0].sandbox,
        rows=together.rows + spread.refused,
        refused=together.refused + spread.refused,
        refusals=list(islice(chain(refusals, *(each.refusals for each in plans)), REFUSALS_SHOWN)),
        existing=together.existing,
        places=plans,
        batch=together.batch,
    )


def _reached(aws: AwsAccess, where: WhereRequest) -> Reached:
    where = where.model_copy(update={"region": aws.region})
    try:
        return Reached(where, check_caller(aws, where).place)
    except BirthcertError as error:
        raise ConfigurationError(
            f"the batch in {aws.region} cannot be priced: {error.what}", remedy=error.remedy
        ) from error


def _planned(aws: AwsAccess, ledger: Ledger, part: FleetPart) -> IssuePlan:
    authority = with_template(aws, issuing_authority(aws, part.request, part.place))
    return plan_issue(aws, ledger, part.request, part.place, authority)
