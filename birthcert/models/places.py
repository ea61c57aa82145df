"""Further accounts and regions in which a bootstrap registers its CA, and what came of each."""

from pydantic import Field

from birthcert.errors import ConfigurationError
from birthcert.models.base import Facts, Outcome, Place
from birthcert.models.bootstrap_request import BootstrapRequest
from birthcert.models.resources import (
    DevicePolicy,
    Endpoint,
    ProvisioningRole,
    ProvisioningTemplate,
    Registration,
    Step,
)


class PlaceRequest(BootstrapRequest):
    """A bootstrap's request as it reads for one of its further places."""

    authority_account_block: str | None = Field(
        default=None, description="Whose credentials reach the CA, which stands elsewhere."
    )

    def authority_block(self) -> str | None:
        """The block of the CA's own account."""
        return self.authority_account_block


def place_requests(request: BootstrapRequest) -> list[PlaceRequest]:
    """The request as it reads for each of its further places; the CA stays where it is."""
    facts = {name: getattr(request, name) for name in BootstrapRequest.model_fields}
    facts |= {"further_places": [], "authority_account_block": request.account_block}
    return [
        PlaceRequest(
            **facts
            | {
                "region": place.region,
                "account": place.account or (None if place.account_block else request.account),
                "account_block": place.account_block or request.account_block,
            }
        )
        for place in request.further_places
    ]


class CheckedPlace(Facts):
    """A further place and its request; `problem` says why it cannot be reached, if so."""

    request: PlaceRequest
    place: Place | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """`us-east-1 of 123456789012`, as far as it is known."""
        account = self.place.account if self.place else self.request.account
        where = account or self.request.account_block
        return f"{self.request.region} of {where}" if where else str(self.request.region)

    def reached(self) -> Place:
        """The place; ConfigurationError where it cannot be reached."""
        if self.place is None:
            raise ConfigurationError(self.problem)
        return self.place


class CheckedPlaces(Facts):
    """All further places of a bootstrap, in the order of the request, and the run's own."""

    home: Place
    arn: str = ""
    outcome: Outcome = "found"
    places: list[CheckedPlace] = Field(default=[])

    def regions_of(self, place: Place | None) -> list[str]:
        """The regions, sorted, in which this run works in a place's account: one role for all."""
        places = [self.home, *(each.place for each in self.places if each.place is not None)]
        return sorted({each.region for each in places if place and each.account == place.account})


class ReadyPlace(Facts):
    """What a device needs in one account and region, as the steps made or found it."""

    registration: Registration
    role: ProvisioningRole
    policy: DevicePolicy
    template: ProvisioningTemplate
    endpoint: Endpoint


class PlaceReport(Facts):
    """What came of a further place; where it is not ready, `failed_step` and `problem` say why."""

    account: str
    region: str
    ready: bool
    failed_step: str = ""
    problem: str = ""
    registration: dict[str, str] = Field(default={})
    role_arn: str = ""
    policy_arn: str = ""
    endpoint: str = ""
    steps: list[Step] = Field(default=[])
    seconds: float = 0.0

    def told(self) -> str:
        """`ready`, or the step that failed and why."""
        return "ready" if self.ready else f"failed at {self.failed_step}: {self.problem}"
