"""When a certificate begins and ends, from Private CA's Validity structures [rule 8]."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from birthcert import limits
from birthcert.sandbox.errors import AwsError

PAST_THE_CA: Final = "The certificate validity specified exceeds the CA validity."
_BACKDATE: Final = timedelta(seconds=limits.NOT_BEFORE_BACKDATE_SECONDS)


def validity_period(
    params: dict[str, Any],
    now: datetime,
    *,
    ca_not_after: datetime | None,
    short_lived: bool,
) -> tuple[datetime, datetime]:
    """notBefore and notAfter of a certificate; `now` is aware and in whole seconds.

    `ca_not_after` is None for a root's own certificate. ValidationException for a span past the
    CA's end, one that has ended, a date that does not exist, and more than 7 days of a
    short-lived CA [11].
    """
    not_after = end(params["Validity"], now)
    not_before = _start(params.get("ValidityNotBefore"), now)
    if not_after <= max(not_before, now):
        raise _refused("The certificate validity specified ends before it begins.")
    if ca_not_after is not None and not_after > ca_not_after:
        raise _refused(PAST_THE_CA)
    if short_lived and not_after > now + timedelta(days=limits.SHORT_LIVED_MAX_DAYS):
        raise _refused(
            "The certificate validity specified exceeds the maximum of "
            f"{limits.SHORT_LIVED_MAX_DAYS} days of a short-lived certificate CA."
        )
    return not_before, not_after


def end(validity: dict[str, Any], now: datetime) -> datetime:
    """The moment a Validity structure names; relative ones count from `now`."""
    kind, value = validity["Type"], int(validity["Value"])
    try:
        match kind:
            case "DAYS":
                return now + timedelta(days=value)
            case "MONTHS":
                return _months_later(now, value)
            case "YEARS":
                return _months_later(now, 12 * value)
            case "ABSOLUTE":
                return datetime.fromtimestamp(value, UTC)
            case "END_DATE":
                return _end_date(value)
    except (ValueError, OverflowError, OSError) as error:
        raise _refused(f"The validity {value} of type {kind} is not a date.") from error
    raise _refused(f"{kind} is not a validity type.")


def _start(validity: dict[str, Any] | None, now: datetime) -> datetime:
    if validity is None:
        return now - _BACKDATE
    if validity["Type"] != "ABSOLUTE":
        raise _refused("ValidityNotBefore must be of type ABSOLUTE.")
    return end(validity, now)


def _months_later(now: datetime, months: int) -> datetime:
    year, month = divmod(now.year * 12 + now.month - 1 + months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    return now.replace(year=year, month=month + 1, day=min(now.day, last_day))


def _end_date(value: int) -> datetime:
    # UTCTime YYMMDDHHMMSS loses its leading zeros as a number; GeneralizedTime has four-digit years
    digits = f"{value:012d}"
    if len(digits) == 12:
        digits = ("19" if int(digits[:2]) >= 50 else "20") + digits
    if len(digits) != 14:
        raise ValueError("neither UTCTime nor GeneralizedTime")
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _refused(message: str) -> AwsError:
    return AwsError("ValidationException", message)
