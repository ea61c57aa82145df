"""What a bootstrap would make or keep in one account and region, and in its further ones."""

from collections.abc import Iterator
from typing import Literal

from birthcert.aws import iam, provisioning, registration
from birthcert.aws.access import AwsAccess
from birthcert.aws.caller import check_caller, resolve_region
from birthcert.models import (
    BootstrapRequest,
    CertificateAuthority,
    CheckedPlace,
    CheckedPlaces,
    Facts,
    Place,
    WhereRequest,
    place_requests,
)
from birthcert.preflight import check_places
from birthcert.prices import UsageMode, certificates_usd
from birthcert.settings import load_settings

Action = Literal["make", "keep"]


class PlannedStep(Facts):
    """What a step would do: `make` its resource, or `keep` the one that is there.

    `place` names a further place of the bootstrap; empty: the run's own.
    """

    step: str
    action: Action
    what: str
    usd: float = 0.0
    place: str = ""


def place_steps(
    aws: AwsAccess,
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority | None,
    *,
    name: str = "",
) -> list[PlannedStep]:
    """Registration and provisioning in a place; `authority` is None where the CA is still to be."""
    steps = [
        *_registration_steps(aws, authority, request),
        *_provisioning_steps(aws, request, place),
    ]
    return [step.model_copy(update={"place": name}) for step in steps]


def further_steps(
    request: BootstrapRequest, home: Place, authority: CertificateAuthority | None
) -> Iterator[PlannedStep]:
    """The same in each further place; raises what makes one of them impossible."""
    for aws, each in reached_places(request, home):
        yield from place_steps(aws, each.request, each.reached(), authority, name=each.name)


def reached_places(request: BootstrapRequest, home: Place) -> list[tuple[AwsAccess, CheckedPlace]]:
    """The ways to the further places; raises what makes one of them impossible."""
    ways = [(access_of(each), each) for each in place_requests(request)]
    places = [
        CheckedPlace(
            request=each.model_copy(update={"region": aws.region}),
            place=check_caller(aws, each).place,
        )
        for aws, each in ways
    ]
    check_places(request, CheckedPlaces(home=home, places=places))
    return [(aws, each) for (aws, _), each in zip(ways, places, strict=True)]


def access_of(request: WhereRequest) -> AwsAccess:
    """The way to the account and region of a request: by its AWS Account block, if it has one."""
    retry_seconds = load_settings().retry_seconds
    if request.account_block is None:
        return AwsAccess(resolve_region(request), retry_seconds=retry_seconds)
    from blocks.aws_account import load_account

    account = load_account(request.account_block)
    request = request.model_copy(update={"region": request.region or account.region})
    return account.get_access(resolve_region(request), retry_seconds=retry_seconds)


def _registration_steps(
    aws: AwsAccess, authority: CertificateAuthority | None, request: BootstrapRequest
) -> list[PlannedStep]:
    description = registration.find_registration(aws, authority) if authority else None
    registered = description is not None
    template_is_set = bool(description and description["registrationConfig"])
    usage_mode: UsageMode = request.certificate_authority.usage_mode
    if authority is not None:
        usage_mode = authority.usage_mode
    price = 0.0 if registered else float(certificates_usd(1, usage_mode=usage_mode))
    proof = [_step("issue_verification_certificate", registered, "the proof of the CA", price)]
    return [
        *(proof if request.registration_mode == "DEFAULT" else []),
        _step("register_ca_certificate", registered, "the CA's registration with AWS IoT"),
        _step("attach_provisioning_template", template_is_set, "the provisioning template"),
    ]


def _provisioning_steps(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> list[PlannedStep]:
    thing_type = provisioning.find_thing_type(aws, request.thing_type)
    policy = provisioning.find_device_policy(aws, request, place)
    role = iam.find_role(aws, request.role_name)
    return [
        _step("create_thing_type", thing_type is not None, f"thing type {request.thing_type}"),
        _step("create_device_policy", policy is not None, f"policy {request.policy_name()}"),
        _step("create_provisioning_role", role is not None, f"role {request.role_name}"),
    ]


def _step(name: str, is_there: bool, what: str, usd: float = 0.0) -> PlannedStep:
    return PlannedStep(step=name, action="keep" if is_there else "make", what=what, usd=usd)
