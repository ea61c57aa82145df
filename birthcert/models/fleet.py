"""A batch over several places: what a user asks for, each place's part of it, and the report."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, field_validator

from birthcert.models.base import Facts, Outcome, Partition, Place
from birthcert.models.bootstrap_request import FurtherPlace
from birthcert.models.reports import IssueReport
from birthcert.models.requests import (
    IssueRequest,
    ManifestOptions,
    TenantRequest,
    WhereRequest,
)

# all batches run in one process, each with its own threads
PLACES_MAX: Final = 16


class FleetPlace(FurtherPlace):
    """An account and region with a CA of the tenant's own: each has quotas of its own."""

    model_config = ConfigDict(title="Place")


class FleetWhere(TenantRequest):
    """Which tenant, in which places."""

    places: Annotated[list[FleetPlace], Field(min_length=2, max_length=PLACES_MAX)] = Field(
        description="Where the devices are certified; the tenant is bootstrapped in each. "
        "The first one's credentials read the manifest."
    )
    partition: Partition = Field(
        default="aws", description="aws, aws-cn (China) or aws-us-gov (GovCloud)."
    )

    @field_validator("places")
    @classmethod
    def _check_places(cls, places: list[FleetPlace]) -> list[FleetPlace]:
        for number, place in enumerate(places, start=1):
            if not (place.region or place.account_block):
                raise ValueError(f"place {number} names neither a region nor an account block")
            if place in places[: number - 1]:
                raise ValueError(f"place {number} is there twice")
        return places


class FleetRequest(ManifestOptions, FleetWhere):
    """Certify the devices of a manifest in several places at once, each device in one of them."""

    def wheres(self) -> list[WhereRequest]:
        """Each place as a request of its own, in their order."""
        return [
            WhereRequest(tenant=self.tenant, partition=self.partition, **place.model_dump())
            for place in self.places
        ]

    def batch_in(self, where: WhereRequest, *, manifest: str, out: str) -> IssueRequest:
        """The batch of one place; the price is agreed on for all places before."""
        options = {name: getattr(self, name) for name in ManifestOptions.model_fields}
        options |= {"manifest": manifest, "out": out, "max_cost_usd": None, "approve": True}
        return IssueRequest(**where.model_dump(), **options)


class FleetPart(Facts):
    """What one place does of a fleet's batch; `problem` says why it does nothing, if so."""

    request: IssueRequest
    place: Place
    devices: int = 0
    problem: str = ""

    @property
    def name(self) -> str:
        """`123456789012/eu-west-1`: as a manifest's row names the place."""
        return f"{self.place.account}/{self.place.region}"


class FleetParts(Facts):
    """All parts, in the order of the request; `refused` rows are in none."""

    parts: list[FleetPart]
    refused: int = 0
    arn: str = ""
    outcome: Outcome = "found"


class FleetPlaceReport(Facts):
    """What came of one place's `devices`: its batch, or the problem that ended it.

    A batch that a problem ended may have certified some of its devices: the next run finds them.
    """

    account: str
    region: str
    devices: int
    problem: str = ""
    batch: IssueReport | None = None

    def told(self) -> str:
        """The batch's counts, or why there are none."""
        if self.batch is None:
            return self.problem or "no devices"
        names = ("issued", "existing", "refused", "failed")
        counts = [f"{count} {name}" for name in names if (count := getattr(self.batch, name))]
        return f"{', '.join(counts)}, {self.batch.certificates_per_second:.1f} a second"


class FleetReport(Facts):
    """The JSON of `birthcert fleet --json`; counts are devices, over all places.

    `failed` counts all devices of a place that a problem ended; `refused` also rows that went to
    no place. `certificates_per_second` is over the whole run's time.
    """

    tenant: str
    requested: int
    issued: int
    existing: int
    refused: int
    failed: int
    seconds: float
    certificates_per_second: float
    throttled: int
    report: str
    out: str
    places: list[FleetPlaceReport]

    def exit_code(self) -> int:
        """0 all have certificates; 3 some have not, the report says why; 1 AWS failed for all."""
        if self.failed and not self.issued + self.existing:
            return 1
        return 3 if self.refused or self.failed else 0
