"""Intents: what a batch wants to buy, each with the token that makes a retry harmless [6]."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Final

from sqlalchemy import Connection, select

from birthcert.ledger.certificates import intend_again, take_rows
from birthcert.ledger.listed import listed
from birthcert.ledger.records import CertificateState, Intent, Record, Refusal
from birthcert.ledger.rows import insert_certificates
from birthcert.ledger.schema import authority, batch
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

    def insert(
        self,
        connection: Connection,
        rows: Iterable[tuple[str, Intent, str]],
        *,
        state: CertificateState,
        claim_id: int | None,
        now: datetime,
    ) -> dict[str, int]:
        """Insert what is not there: (token, intent, reason); the ids of the new rows by token."""
        # in one order, so that two runs on Postgres cannot wait for each other
        listed_rows = listed(
            (
                token,
                intent.device_id,
                intent.csr_sha256,
                intent.public_key_sha256,
                intent.template,
                intent.generation,
                reason,
            )
            for token, intent, reason in sorted(rows, key=itemgetter(0))
        )
        facts = {
            "rows": listed_rows,
            "batch": self.batch_id,
            "authority": self.authority_id,
            "state": state,
            "claim": claim_id,
            "now": now,
        }
        return insert_certificates(connection, facts)

    def new_record(self, row_id: int, token: str, intent: Intent) -> Record:
        """The row that an intent was inserted as."""
        return Record(
            id=row_id,
            batch_id=self.batch_id,
            tenant=self.tenant,
            place=self.place,
            authority_arn=self.authority_arn,
            device_id=intent.device_id,
            csr_sha256=intent.csr_sha256,
            public_key_sha256=intent.public_key_sha256,
            template=intent.template,
            generation=intent.generation,
            token=token,
            state="intended",
            certificate_arn=None,
            serial_number=None,
            not_before=None,
            not_after=None,
            reason="",
            requested_at=None,
            mine=True,
        )


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
    new = work.insert(
        connection,
        [(token, intent, "") for token, intent in wanted.items()],
        state="intended",
        claim_id=claim_id,
        now=now,
    )
    records = {token: work.new_record(new[token], token, wanted[token]) for token in new}
    there = [wanted[token] for token in wanted.keys() - new.keys()]
    taken = take_rows(connection, work.authority_id, there, claim_id, now) if there else []
    rewritten = [_rewritten(record, wanted[record.token], work.batch_id) for record in taken]
    changed = [new for old, new in zip(taken, rewritten, strict=True) if new != old]
    intend_again(connection, changed, now)
    records |= {record.token: record for record in rewritten}
    return [records[token] for token in wanted]


def refuse(
    connection: Connection, batch_id: int, refusals: Sequence[Refusal], now: datetime
) -> None:
    """Write refused rows down, where the ledger has none for the same device and CSR."""
    work = _work(connection, batch_id)
    intents = [
        Intent(each.device_id, each.csr_sha256, each.public_key_sha256, "") for each in refusals
    ]
    rows = [
        (work.token(intent), intent, each.reason)
        for intent, each in zip(intents, refusals, strict=True)
    ]
    work.insert(connection, rows, state="refused", claim_id=None, now=now)


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
