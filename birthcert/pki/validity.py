"""How long a certificate shall live, within the life of the CA that signs it [rule 8]."""

from datetime import datetime, timedelta
from typing import Final, TypedDict

from birthcert.errors import ResourceGone

CLOCK_MARGIN: Final = timedelta(hours=1)


class Validity(TypedDict):
    """The Validity (or ValidityNotBefore) parameter of Private CA's IssueCertificate."""

    Type: str
    Value: int


def end_of_validity(
    now: datetime, days: int, ca_not_after: datetime, margin: timedelta = CLOCK_MARGIN
) -> datetime:
    """When a certificate asked for now, for so many days, ends: never past the CA [rule 8].

    `margin` is kept from the CA's end, for clocks that differ from AWS's and for requests that
    wait. All times are aware (UTC). ResourceGone where the CA has no life left to give.
    """
    latest = ca_not_after - margin
    if latest <= now:
        raise ResourceGone(
            f"the CA's own certificate ends at {ca_not_after:%Y-%m-%d %H:%M} UTC",
            remedy="renew the CA certificate or issue from another certificate authority",
            ca_not_after=ca_not_after.isoformat(),
        )
    return min(now + timedelta(days=days), latest)


def validity_for(
    now: datetime, validity_days: int, ca_not_after: datetime, margin: timedelta = CLOCK_MARGIN
) -> Validity:
    """The Validity parameter of IssueCertificate: DAYS, or ABSOLUTE where the CA ends sooner.

    AWS counts DAYS from the moment of issuance. An ABSOLUTE end (whole seconds since the epoch)
    does not depend on `now`, so a retry asks for the same certificate. ResourceGone as
    `end_of_validity`.
    """
    end = end_of_validity(now, validity_days, ca_not_after, margin)
    if end == now + timedelta(days=validity_days):
        return {"Type": "DAYS", "Value": validity_days}
    return {"Type": "ABSOLUTE", "Value": int(end.timestamp())}
