"""An audit report's rows, from CSV or JSON, one certificate each [14]. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

from birthcert.errors import BirthcertError

# Of the others, `revokedAt` is there only for a revoked certificate.
NEEDED: Final = ("certificateArn", "serial", "subject", "notAfter", "issuedAt")


class UnreadableReport(BirthcertError):
    """The file is not an audit report, or not this certificate authority's."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A certificate that the CA issued."""

    certificate_arn: str
    serial_number: str
    subject: str
    issued_at: datetime
    not_after: datetime
    revoked: bool

    @property
    def name(self) -> str:
        """The part of the ARN that tells it from the CA's other certificates."""
        return self.certificate_arn.rpartition("/")[2]


def read_rows(file: IO[bytes], authority_arn: str) -> Iterator[AuditRow]:
    """The rows of the report in `file`, from its beginning; a CSV's are streamed.

    Raises UnreadableReport, with the number of the certificate, when it comes to what is wrong.
    """
    file.seek(0)
    for number, raw in enumerate(_raw_rows(file), start=1):
        row = _row(raw, number)
        if not row.certificate_arn.startswith(f"{authority_arn}/certificate/"):
            raise _unreadable(number, f"{row.certificate_arn} is not of {authority_arn}")
        yield row


def _raw_rows(file: IO[bytes]) -> Iterable[Any]:
    start = file.read(64).lstrip()
    file.seek(0)
    if start[:1] == b"[":
        try:
            return list(json.load(file))
        except ValueError as error:
            raise UnreadableReport(
                f"the audit report is not JSON: {error}", remedy="ask for another one"
            ) from error
    return _csv_rows(file)


def _csv_rows(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    text = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
    try:
        for number, row in enumerate(csv.DictReader(text), start=1):
            # one cut short may have lost that it is revoked
            if None in row or None in row.values():
                raise _unreadable(number, "it has not as many columns as the header")
            yield row
    finally:
        text.detach()


def _row(raw: object, number: int) -> AuditRow:
    if not isinstance(raw, Mapping):
        raise _unreadable(number, "it is not a certificate's")
    if missing := [name for name in NEEDED if not isinstance(raw.get(name), str)]:
        raise _unreadable(number, f"it has no {', '.join(missing)}")
    try:
        issued_at, not_after = (
            datetime.fromisoformat(raw[name]) for name in ("issuedAt", "notAfter")
        )
    except ValueError as error:
        raise _unreadable(number, str(error)) from error
    return AuditRow(
        certificate_arn=raw["certificateArn"],
        serial_number=raw["serial"],
        subject=raw["subject"],
        issued_at=issued_at,
        not_after=not_after,
        revoked=bool(raw.get("revokedAt")),
    )


def _unreadable(number: int, what: str) -> UnreadableReport:
    return UnreadableReport(
        f"certificate {number} of the audit report cannot be read: {what}",
        remedy="ask for another report into a bucket that Private CA alone writes to",
        number=number,
    )
