"""The steps of a rollover beside those of a bootstrap: issuing moves, the old registration ends."""

import logging
from typing import Final

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.generations import (
    ISSUING,
    RETIRED,
    held_by,
    issuing_of,
    replaced_of,
    set_part,
)
from birthcert.aws.registration import find_registration
from birthcert.errors import ResourceConflict
from birthcert.models import (
    CertificateAuthority,
    MovedIssuing,
    OldRegistration,
    OldRegistrationState,
    Place,
    ReplacedAuthority,
    RolloverRequest,
)

log = logging.getLogger(__name__)
SERVICE: Final = "iot"


def find_replaced_authority(
    aws: AwsAccess, request: RolloverRequest, place: Place
) -> ReplacedAuthority:
    """The CA to replace, whatever its state is; ConfigurationError where it is not the tenant's."""
    held = held_by(aws, request.tenant, place)
    old = replaced_of(held, request.replaces)
    facts = private_ca.installed_authority(aws, old.arn).found().model_dump()
    return ReplacedAuthority(**facts, is_replaced=old != issuing_of(held))


def move_issuing(
    aws: AwsAccess, old: CertificateAuthority, successor: CertificateAuthority
) -> MovedIssuing:
    """Issuing moves to the successor by one tag; the old CA's says afterwards that it is retired.

    Between the two calls the successor issues already: it has the higher generation.
    """
    moved = set_part(aws, successor.arn, ISSUING)
    retired = set_part(aws, old.arn, RETIRED)
    if moved or retired:
        log.info("%s issues to the tenant's devices now, not %s", successor.arn, old.arn)
    return MovedIssuing(arn=successor.arn, outcome="created" if moved or retired else "found")


def end_old_registration(
    aws: AwsAccess, old: CertificateAuthority, wish: OldRegistration
) -> OldRegistrationState:
    """The old CA's registration INACTIVE or deleted, as the owner wishes [25, 32].

    ResourceConflict where it is to be deleted and a device certificate of it is ACTIVE: nothing
    is changed then.
    """
    description = find_registration(aws, old)
    if description is None:
        return OldRegistrationState(arn="", status="NONE", outcome="found")
    arn, identity = description["certificateArn"], description["certificateId"]
    status, active = description["status"], count_active(aws, identity)
    state = OldRegistrationState(
        arn=arn, status=status, active_certificates=active, outcome="found"
    )
    if wish == "keep" or (wish == "deactivate" and status == "INACTIVE"):
        return state
    if wish == "delete":
        _refuse_deletion(arn, active)
    if status != "INACTIVE":
        aws.call(SERVICE, "UpdateCACertificate", certificateId=identity, newStatus="INACTIVE")
        log.info("the old registration %s is INACTIVE: no new device of it is taken", arn)
    if wish == "deactivate":
        return state.model_copy(update={"status": "INACTIVE", "outcome": "created"})
    # a device may have come in before it was INACTIVE
    _refuse_deletion(arn, count_active(aws, identity))
    aws.call(SERVICE, "DeleteCACertificate", certificateId=identity)
    log.info("deleted the old registration %s", arn)
    return state.model_copy(update={"status": "NONE", "outcome": "created"})


def count_active(aws: AwsAccess, ca_certificate_id: str) -> int:
    """How many device certificates of a registered CA are ACTIVE."""
    listed = aws.pages(
        SERVICE, "ListCertificatesByCA", "certificates", caCertificateId=ca_certificate_id
    )
    return sum(each["status"] == "ACTIVE" for each in listed)


def _refuse_deletion(arn: str, active: int) -> None:
    if active:
        raise ResourceConflict(
            f"{active} device certificates of the old registration {arn} are ACTIVE",
            remedy="it is not deleted: give those devices certificates of the successor, set "
            "their old ones INACTIVE, and run the same command again",
            active_certificates=active,
        )
