"""Which ledger row an issued certificate belongs to, and what becomes of the rest. Pure."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from birthcert import limits
from birthcert.issuance.job import REPEATABLE
from birthcert.ledger.records import Adoption, CertificateState, OwnKind, Record
from birthcert.models import Discrepancy, DiscrepancyKind
from birthcert.pki.certificates import (
    load_certificate,
    public_key_sha256,
    serial_hex,
    template_problems,
)
from birthcert.pki.names import common_names
from birthcert.reconciliation.audit_rows import AuditRow

# A request is in every audit report that is made this long after it: the engine sends nothing
# later than the token's life, and the minute is for the call's way and AWS's own books [6][inf].
SETTLED: Final = timedelta(seconds=limits.IDEMPOTENCY_TOKEN_SECONDS + 60)

# a canary's certificate lasts a day; a longer one with its name is a stranger's
CANARY_LIFE: Final = timedelta(days=1, hours=1)
# "issued" and "delivered" with a certificate that AWS does not know
_LIKELY: Final[Sequence[CertificateState]] = (
    "requested", "issued", "delivered", "failed", "intended"
)  # fmt: skip


@dataclass(frozen=True)
class Ours:
    """The CA's certificates that are no device's; the code is empty where none was looked up.

    A canary's has a CommonName that begins with `canary_prefix`, and lasts a day.
    """

    authority_serial: str
    verification_arn: str
    registration_code: str
    canary_prefix: str

    def kind_of(self, row: AuditRow) -> OwnKind | None:
        """The CA's own, one that proved the CA to AWS IoT, or a canary's; None: another [2, 22]."""
        if row.certificate_arn == self.verification_arn:
            return "verification"
        if self.registration_code and row.subject == f"CN={self.registration_code}":
            return "verification"
        if self._is_canary(row):
            return "canary"
        is_the_ca = _number(row.serial_number) == _number(self.authority_serial)
        return "authority" if is_the_ca else None

    def _is_canary(self, row: AuditRow) -> bool:
        name = f"CN={self.canary_prefix}"
        named = any(part.startswith(name) for part in row.subject.split(","))
        return named and row.not_after - row.issued_at <= CANARY_LIFE


@dataclass(frozen=True)
class Match:
    """A ledger row and the certificate that is its own."""

    record: Record
    adoption: Adoption

    def discrepancy(self) -> Discrepancy:
        """The line of the report."""
        return Discrepancy(
            outcome="adopted",
            device_id=self.record.device_id,
            certificate_arn=self.adoption.certificate_arn,
            serial_number=self.adoption.serial_number,
            reason=f"the ledger had it as {self.record.state}",
        )


def ours(
    rows: Iterable[AuditRow],
    *,
    authority_pem: str,
    verification_arn: str,
    registration_code: Callable[[], str],
    canary_prefix: str,
) -> Ours:
    """How to tell the CA's own certificates; the code is asked for only where a row may have it."""
    others = (row for row in rows if row.certificate_arn != verification_arn)
    return Ours(
        authority_serial=serial_hex(load_certificate(authority_pem)),
        verification_arn=verification_arn,
        registration_code=registration_code() if any(map(_looks_like_code, others)) else "",
        canary_prefix=canary_prefix,
    )


def match(
    row: AuditRow,
    certificate: x509.Certificate,
    candidates: Sequence[Record],
    *,
    taken: Collection[int],
    denied: Collection[int],
) -> Match | Discrepancy:
    """The ledger row whose certificate this is, or why it is no row's.

    Of the `candidates`, those in `taken` (row ids) have got another certificate just now, and of
    those in `denied` AWS does not know the one that the ledger has.
    """
    key = public_key_sha256(certificate.public_key())
    same_key = [
        record
        for record in candidates
        if record.public_key_sha256 == key and record.state != "refused"
    ]
    problems = {record.id: unlike(record, certificate) for record in same_key}
    fits = [record for record in same_key if not problems[record.id]]
    open_rows = [each for each in fits if each.certificate_arn is None or each.id in denied]
    free = [each for each in open_rows if each.id not in taken]
    if free:
        record = min(free, key=_likelihood)
        return Match(record, _adoption(record, row, certificate))
    if fits:
        other = fits[0].certificate_arn or "another one"
        return _stray(row, "duplicate", fits[0], f"the device has {other}: revoke one of the two")
    if same_key:
        why = "; ".join(problems[same_key[0].id])
        return _stray(row, "foreign", same_key[0], f"it has this device's key, but {why}")
    return _stray(row, "foreign", None, "no device in the ledger has its key")


def unlike(record: Record, certificate: x509.Certificate) -> list[str]:
    """What keeps a certificate from being the one that a ledger row was written for [7]."""
    problems = []
    if public_key_sha256(certificate.public_key()) != record.public_key_sha256:
        problems.append("its public key is another")
    names = common_names(certificate.subject)
    if names != [record.device_id]:
        problems.append(f"its CommonName is {', '.join(names) or 'none'}")
    return problems + template_problems(certificate, record.template)


def settle(
    requested: Iterable[Record], *, as_of: datetime, pending: int
) -> tuple[list[Record], list[tuple[Record, str]]]:
    """Of the requests that no certificate answers: those surely not bought, and the others.

    Nothing is sure while certificates of the report are `pending`, or where the report was made
    less than six minutes after the request.
    """
    released, uncertain = [], []
    for record in requested:
        if pending:
            uncertain.append((record, f"AWS is still issuing {pending} certificates: run it again"))
        elif record.requested_at is None or as_of - record.requested_at > SETTLED:
            released.append(record)
        else:
            uncertain.append((record, _too_early(record.requested_at, as_of)))
    return released, uncertain


def unknown(row: AuditRow, reason: str) -> Discrepancy:
    """A certificate that could not be looked at."""
    return _stray(row, "foreign", None, reason)


def _too_early(requested_at: datetime, as_of: datetime) -> str:
    again = requested_at + REPEATABLE
    at_once = f"run issue again before {again:%H:%M:%S} UTC, or " if as_of < again else ""
    return (
        f"asked for at {requested_at:%H:%M:%S} UTC, too late for this audit report: {at_once}"
        f"reconcile after {requested_at + SETTLED:%H:%M:%S} UTC with a new one "
        "(AWS makes one in 30 minutes)"
    )


def _looks_like_code(row: AuditRow) -> bool:
    name = row.subject.removeprefix("CN=")
    return len(name) == limits.REGISTRATION_CODE_LENGTH and set(name) <= set("0123456789abcdef")


def _likelihood(record: Record) -> tuple[int, int]:
    return _LIKELY.index(record.state), -record.id


def _adoption(record: Record, row: AuditRow, certificate: x509.Certificate) -> Adoption:
    return Adoption(
        id=record.id,
        certificate_arn=row.certificate_arn,
        serial_number=serial_hex(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issued_at=row.issued_at,
    )


def _stray(
    row: AuditRow, outcome: DiscrepancyKind, record: Record | None, reason: str
) -> Discrepancy:
    return Discrepancy(
        outcome=outcome,
        device_id=record.device_id if record else "",
        certificate_arn=row.certificate_arn,
        serial_number=row.serial_number,
        subject=row.subject,
        reason=reason,
    )


def _number(serial: str) -> int | None:
    try:
        return int(serial.replace(":", ""), 16)
    except ValueError:
        return None
