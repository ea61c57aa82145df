"""The table `certificate`, read and written: each function takes an open transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, Update

from birthcert import limits
from birthcert.ledger import statements
from birthcert.ledger.claims import held_claims
from birthcert.ledger.listed import Value, listed, listed_keys, moment_text
from birthcert.ledger.records import Delivery, Intent, Record
from birthcert.ledger.schema import certificate

TOKEN_LIFE: Final = timedelta(seconds=limits.IDEMPOTENCY_TOKEN_SECONDS)


def take_rows(
    connection: Connection,
    authority_id: int,
    intents: Iterable[Intent],
    claim_id: int,
    now: datetime,
) -> list[Record]:
    """Claim those of the intents' rows that nobody holds and that are not delivered; return all.

    The rows stay locked until the transaction ends.
    """
    keys = listed((each.device_id, each.csr_sha256, each.generation) for each in intents)
    rows = connection.execute(statements.LOCK, {"rows": keys, "authority": authority_id}).all()
    others = {row.claim_id for row in rows} - {None, claim_id}
    held = held_claims(connection, others, now)
    free = {row.id for row in rows if row.state != "delivered" and row.claim_id not in held}
    new = [row.id for row in rows if row.id in free and row.claim_id != claim_id]
    if new:
        connection.execute(statements.TAKE, {"keys": listed_keys(new), "claim": claim_id})
    return [Record(*[*row[:-1], row.id in free]) for row in rows]


def intend_again(connection: Connection, records: Iterable[Record], now: datetime) -> None:
    """Rows that an earlier run intended and did not buy, as a new run wants them."""
    rows: list[dict[str, object]] = [
        {
            "key": record.id,
            "batch": record.batch_id,
            "name": record.template,
            "hash": record.public_key_sha256,
            "now": now,
        }
        for record in records
    ]
    _each(connection, statements.INTEND_AGAIN, rows)


def mark_requested(
    connection: Connection, claim_id: int, ids: Sequence[int], now: datetime
) -> dict[int, datetime]:
    """Write down that AWS is about to be asked; the rows still held, with the token's moment."""
    keys = listed_keys(ids)
    values = {"keys": keys, "claim": claim_id, "now": now, "forgotten": now - TOKEN_LIFE}
    marked = connection.execute(statements.MARK_REQUESTED, values)
    return {row.id: row.requested_at for row in marked}


def withdraw(connection: Connection, claim_id: int, ids: Sequence[int], now: datetime) -> None:
    """Rows that were marked but for which AWS was certainly not asked."""
    values = {"keys": listed_keys(ids), "claim": claim_id, "now": now}
    connection.execute(statements.WITHDRAW, values)


def record_issued(
    connection: Connection, issued: Sequence[tuple[int, str]], now: datetime
) -> list[str]:
    """Write down ARNs; returns a line for each row that has another ARN already."""
    written = _given(connection, statements.RECORD_ISSUED, issued, now)
    return [] if written == len(issued) else _other_arns(connection, dict(issued))


def record_delivered(connection: Connection, deliveries: Sequence[Delivery], now: datetime) -> None:
    """Write down that the files of these certificates are there."""
    rows = [
        (each.id, each.serial_number, moment_text(each.not_before), moment_text(each.not_after))
        for each in deliveries
    ]
    _given(connection, statements.RECORD_DELIVERED, rows, now)


def record_failed(
    connection: Connection, reasons: Sequence[tuple[int, str]], now: datetime
) -> None:
    """Why rows were not bought, or not delivered where they have an ARN."""
    _each(connection, statements.RECORD_FAILED, _with_reasons(reasons, now))


def record_unanswered(
    connection: Connection, reasons: Sequence[tuple[int, str]], now: datetime
) -> None:
    """Why it is not known whether rows were bought."""
    _each(connection, statements.RECORD_UNANSWERED, _with_reasons(reasons, now))


def stream(connection: Connection, query: Select[Any]) -> Iterator[Record]:
    """The query's records, a thousand at a time: a ledger may hold a million."""
    rows = connection.execution_options(yield_per=1_000).execute(query.order_by(certificate.c.id))
    for row in rows:
        yield Record(*row[:-1])


def _each(connection: Connection, statement: Update, rows: list[dict[str, object]]) -> int:
    """Run the statement once a row; returns how many rows of the table it changed."""
    return connection.execute(statement, rows).rowcount if rows else 0


def _given(
    connection: Connection, statement: Update, rows: Sequence[Sequence[Value]], now: datetime
) -> int:
    """Run the statement once for all rows, of which the first column is the id."""
    if not rows:
        return 0
    if connection.dialect.name == "postgresql":
        keys = listed_keys(row[0] for row in rows)
        connection.execute(statements.LOCK_IN_ORDER, {"keys": keys}).all()
    return connection.execute(statement, {"rows": listed(rows), "now": now}).rowcount


def _with_reasons(reasons: Sequence[tuple[int, str]], now: datetime) -> list[dict[str, object]]:
    return [{"key": row_id, "why": why, "now": now} for row_id, why in sorted(reasons)]


def _other_arns(connection: Connection, issued: Mapping[int, str]) -> list[str]:
    return [
        f"{row.device_id} has {row.certificate_arn} and {issued[row.id]}"
        for row in connection.execute(statements.ARNS, {"keys": listed_keys(issued)})
        if row.certificate_arn != issued[row.id]
    ]
