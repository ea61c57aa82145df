"""What a user asks of the flow `rollover`, and what it returns."""

from typing import Annotated, Literal

from pydantic import Field

from birthcert.models.base import Facts, Partition
from birthcert.models.bootstrap_request import BootstrapRequest
from birthcert.models.places import PlaceReport
from birthcert.models.reports import CanaryReport
from birthcert.models.resources import CertificateAuthority, Resource, Step

OldRegistration = Literal["keep", "deactivate", "delete"]


class RolloverRequest(BootstrapRequest):
    """A successor for the tenant's CA: made, registered, proved; then it issues."""

    replaces: Annotated[
        str, Field(pattern=r"^arn:aws[a-z-]*:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/.+$")
    ] = Field(description="ARN of the CA to replace: the one that issues now.")
    old_registration: OldRegistration = Field(
        default="keep",
        description="What becomes of the old CA's registrations once the successor issues. "
        "deactivate: no new device of it is taken. delete: only while no device certificate of it "
        "is ACTIVE.",
    )

    def replaced_arn(self) -> str | None:
        """The CA that this one succeeds."""
        return self.replaces


class ReplacedAuthority(CertificateAuthority):
    """The CA that a rollover replaces; `is_replaced`: its successor issues already."""

    is_replaced: bool = False


class MovedIssuing(Resource):
    """The CA that issues to the tenant's devices now."""


class OldRegistrationState(Resource):
    """The old CA's registration in a place; `active_certificates` of its devices are ACTIVE.

    `status` is ACTIVE, INACTIVE, or NONE where there is no registration (any more).
    """

    status: str
    active_certificates: int = 0


class OldRegistrationReport(Facts):
    """What became of the old registration in a place; `problem` says why not what was asked for."""

    account: str
    region: str
    status: str = ""
    active_certificates: int = 0
    problem: str = ""


class RolloverReport(Facts):
    """The JSON of `birthcert rollover --json`.

    `moved`: `authority_arn`, the successor, issues to the tenant's devices now. Where it is false
    `places` say why, and `replaced_arn` goes on issuing.
    """

    tenant: str
    account: str
    region: str
    partition: Partition
    sandbox: str | None = None
    replaced_arn: str
    authority_arn: str
    authority_certificate_pem: str
    authority_not_after: str
    moved: bool
    registration: dict[str, str]
    places: list[PlaceReport] = Field(default=[])
    old_registrations: list[OldRegistrationReport] = Field(default=[])
    canary: CanaryReport | None = None
    steps: list[Step]
    seconds: float

    def exit_code(self) -> int:
        """3 where a place is not ready, or an old registration is not as it was asked for."""
        done = self.moved and not any(each.problem for each in self.old_registrations)
        return 0 if done else 3
