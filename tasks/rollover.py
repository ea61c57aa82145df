"""Steps of a rollover beside those of a bootstrap."""

from birthcert.aws import rollover
from birthcert.models import (
    BootstrapRequest,
    CertificateAuthority,
    MovedIssuing,
    OldRegistration,
    OldRegistrationState,
    Place,
    ReplacedAuthority,
    RolloverRequest,
)
from birthcert.preflight import check_rollover
from tasks.access import aws_in, aws_of
from tasks.steps import step


@step("find replaced authority", cached=False)
def find_replaced_authority(request: RolloverRequest, place: Place) -> ReplacedAuthority:
    """The CA that is to be succeeded, or was in a run that this one goes on with."""
    check_rollover(request)
    return rollover.find_replaced_authority(
        aws_in(place.region, request.account_block), request, place
    )


@step("move issuing", cached=False)
def move_issuing(
    request: RolloverRequest,
    place: Place,
    old: CertificateAuthority,
    successor: CertificateAuthority,
) -> MovedIssuing:
    """From here on the tenant's devices get their certificates from the successor."""
    return rollover.move_issuing(aws_of(successor, request), old, successor)


@step("end old registration", cached=False)
def end_old_registration(
    request: BootstrapRequest, place: Place, old: CertificateAuthority, wish: OldRegistration
) -> OldRegistrationState:
    """What the owner wishes for the old CA's registration, where it may be done."""
    return rollover.end_old_registration(aws_in(place.region, request.account_block), old, wish)
