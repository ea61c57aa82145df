"""What Private CA has issued against what the ledger knows: reads both, changes neither."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from birthcert.errors import AwsCallFailed, UnusableInput
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import OwnKind, Record
from birthcert.logs import carried
from birthcert.models import Discrepancy, Place
from birthcert.pki.certificates import load_certificate, public_key_sha256
from birthcert.reconciliation.audit_rows import AuditRow
from birthcert.reconciliation.matching import SETTLED, Match, Ours, match, settle, unknown

# A certificate's PEM and its chain's by its ARN; None while AWS is still issuing it.
GetCertificate = Callable[[str], tuple[str, str] | None]

_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Books:
    """AWS's side: the audit report's rows, as often as asked, and how to fetch a certificate."""

    authority_arn: str
    rows: Callable[[], Iterator[AuditRow]]
    as_of: datetime
    ours: Ours
    get: GetCertificate
    threads: int


@dataclass
class Comparison:
    """What does not agree. `listed`, `known` and `ended` count the report's rows.

    `own` are the certificates that are no device's: ARN -> kind.
    """

    listed: int = 0
    known: int = 0
    ended: int = 0
    own: dict[str, OwnKind] = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    strays: list[Discrepancy] = field(default_factory=list)
    released: list[Record] = field(default_factory=list)
    uncertain: list[tuple[Record, str]] = field(default_factory=list)
    denied: list[Record] = field(default_factory=list)


def compare(books: Books, ledger: Ledger, place: Place, *, now: datetime) -> Comparison:
    """Compare the certificates of one CA in both directions; memory holds an id of each.

    Each certificate that the ledger does not know is fetched, and so is each that the report does
    not have but the ledger knows since before it. Raises what GetCertificate raises.
    """
    listed = {row.name for row in books.rows()}
    found = Comparison(listed=len(listed))
    known, requested, missing = _read_ledger(books, ledger, place, listed)
    found.denied = _denied(books, missing)
    strangers = list(_strangers(books, known, found, now))
    pending = _judge(books, ledger, place, strangers, found)
    taken = {each.record.id for each in found.matches}
    found.released, found.uncertain = settle(
        (record for record in requested if record.id not in taken),
        as_of=books.as_of,
        pending=pending,
    )
    return found


def _read_ledger(
    books: Books, ledger: Ledger, place: Place, listed: set[str]
) -> tuple[set[str], list[Record], list[Record]]:
    """Certificates that the ledger knows, requests without an answer, ARNs not in the report."""
    known: set[str] = set()
    requested, missing = [], []
    for record in ledger.records(place=place, authority_arn=books.authority_arn):
        if record.certificate_arn is None:
            if record.state == "requested":
                requested.append(record)
            continue
        name = record.certificate_arn.rpartition("/")[2]
        known.add(name)
        if name not in listed and _older(record, books.as_of):
            missing.append(record)
    return known, requested, missing


def _older(record: Record, as_of: datetime) -> bool:
    return record.requested_at is None or as_of - record.requested_at > SETTLED


def _strangers(
    books: Books, known: set[str], found: Comparison, now: datetime
) -> Iterator[AuditRow]:
    """The report's rows that must be looked at; the others are counted."""
    for row in books.rows():
        if row.name in known:
            found.known += 1
        elif kind := books.ours.kind_of(row):
            found.own[row.certificate_arn] = kind
        elif row.revoked or row.not_after <= now:
            found.ended += 1
        else:
            yield row


def _judge(
    books: Books, ledger: Ledger, place: Place, strangers: Iterable[AuditRow], found: Comparison
) -> int:
    """Match the strangers in the order of their issuance; returns how many AWS is still issuing."""
    pending = 0
    taken: set[int] = set()
    denied = {record.id for record in found.denied}
    ordered = sorted(strangers, key=lambda row: row.issued_at)
    for start in range(0, len(ordered), _AT_ONCE):
        group = ordered[start : start + _AT_ONCE]
        fetched = _fetched(books, [row.certificate_arn for row in group])
        pending += fetched.count(None)
        readable = list(_readable(group, fetched, found))
        keys = {public_key_sha256(certificate.public_key()) for _, certificate in readable}
        candidates = _with_keys(ledger, place, books.authority_arn, keys)
        for row, certificate in readable:
            verdict = match(row, certificate, candidates, taken=taken, denied=denied)
            if isinstance(verdict, Match):
                taken.add(verdict.record.id)
                found.matches.append(verdict)
            else:
                found.strays.append(verdict)
    return pending


def _readable(
    rows: Sequence[AuditRow], fetched: Sequence[tuple[str, str] | None], found: Comparison
) -> Iterator[tuple[AuditRow, x509.Certificate]]:
    for row, got in zip(rows, fetched, strict=True):
        if got is None:
            continue
        try:
            yield row, load_certificate(got[0])
        except UnusableInput as error:
            found.strays.append(unknown(row, error.what))


def _with_keys(ledger: Ledger, place: Place, authority_arn: str, keys: set[str]) -> list[Record]:
    if not keys:
        return []
    return list(ledger.records(place=place, authority_arn=authority_arn, public_keys=keys))


def _denied(books: Books, missing: list[Record]) -> list[Record]:
    """Those that AWS says it does not have; a report that left one out proves nothing."""

    def is_there(record: Record) -> bool:
        assert record.certificate_arn is not None
        try:
            books.get(record.certificate_arn)
        except AwsCallFailed as failure:
            if failure.code == "ResourceNotFoundException":
                return False
            raise
        return True

    with ThreadPoolExecutor(books.threads, initializer=carried()) as pool:
        there = pool.map(is_there, missing)
        return [record for record, found in zip(missing, there, strict=True) if not found]


def _fetched(books: Books, arns: list[str]) -> list[tuple[str, str] | None]:
    """Each certificate, in the order of the ARNs; an error leaves the rest unasked."""
    with ThreadPoolExecutor(books.threads, initializer=carried()) as pool:
        return list(pool.map(books.get, arns))
