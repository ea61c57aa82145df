"""Intents: what a batch wants to buy, each with the token that makes a retry harmless [6]."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from birthcert.ledger.certificates import intend_again, take_rows
from birthcert.ledger.records import Intent, Record, Refusal
from birthcert.ledger.rows import insert_new
from birthcert.ledger.schema import authority, batch, certificate
from birthcert.pki.tokens import idempotency_token

NOT_BOUGHT: Final = frozenset({"intended", "refused", "failed"})


@dataclass(frozen=True)
class _Work:
    """The batch that rows are written for, and its authority."""

    batch_id: int
    authority_id: int
    tenant: str
    place: str
    authority_arn: str

    def token(self, intent: Intent) -> str:
        """The same for the same certificate at every run, so unique as the row's own key is."""
        return idempotency_token(
            self.tenant,
            self.place,
            self.authority_arn,
            intent.device_id,
            intent.csr_sha256,
            str(intent.generation),
        )

    def row(self, intent: Intent, now: datetime) -> dict[str, object]:
        return {
            "batch_id": self.batch_id,
            "authority_id": self.authority_id,
            "device_id": intent.device_id,
            "csr_sha256": intent.csr_sha256,
            "public_key_sha256": intent.public_key_sha256,
            "template": intent.template,
            "generation": intent.generation,
            "token": self.token(intent),
            "created_at": now,
            "updated_at": now,
        }


def intend(
    connection: Connection,
    batch_id: int,
    claim_id: int,
    intents: Sequence[Intent],
    now: datetime,
) -> list[Record]:
    """Write the intents down and claim their rows; returns each one's row, in their order.

    ValueError where two intents are for the same certificate.
    """
    work = _work(connection, batch_id)
    wanted = {work.token(intent): intent for intent in intents}
    if len(wanted) < len(intents):
        raise ValueError("two intents are for the same certificate")
    rows = [
        work.row(wanted[token], now) | {"state": "intended", "claim_id": claim_id, "reason": ""}
        for token in sorted(wanted)
    ]
    insert_new(connection, certificate, rows)
    taken = take_rows(connection, sorted(wanted), claim_id, now)
    rewritten = [_rewritten(record, wanted[record.token], work.batch_id) for record in taken]
    changed = [new for old, new in zip(taken, rewritten, strict=True) if new != old]
    intend_again(connection, changed, now)
    by_token = {record.token: record for record in rewritten}
    return [by_token[token] for token in wanted]


def refuse(
    connection: Connection, batch_id: int, refusals: Sequence[Refusal], now: datetime
) -> None:
    """Write refused rows down, where the ledger has none for the same device and CSR."""
    work = _work(connection, batch_id)
    rows = [
        work.row(Intent(each.device_id, each.csr_sha256, each.public_key_sha256, ""), now)
        | {"state": "refused", "claim_id": None, "reason": each.reason}
        for each in refusals
    ]
    insert_new(connection, certificate, sorted(rows, key=lambda row: str(row["token"])))


def _work(connection: Connection, batch_id: int) -> _Work:
    query = (
        select(
            batch.c.id, batch.c.authority_id, authority.c.tenant, authority.c.place, authority.c.arn
        )
        .join(authority, authority.c.id == batch.c.authority_id)
        .where(batch.c.id == batch_id)
    )
    row = connection.execute(query).one()
    return _Work(row.id, row.authority_id, row.tenant, row.place, row.arn)


def _rewritten(record: Record, intent: Intent, batch_id: int) -> Record:
    """The row as this batch wants it, where nothing was bought; what was bought stays."""
    if not record.mine or record.state not in NOT_BOUGHT:
        return record
    return replace(
        record,
        batch_id=batch_id,
        template=intent.template,
        public_key_sha256=intent.public_key_sha256,
        state="intended",
        reason="",
        requested_at=None,
    )
