"""What a look at AWS's own books puts right: each function takes an open transaction.

Rows that a run is working on are left alone: it knows better in a moment.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, update

from birthcert.ledger.claims import held_claims
from birthcert.ledger.records import Adoption
from birthcert.ledger.schema import UtcDateTime, certificate, claim

log = logging.getLogger(__name__)
_c = certificate.c
_NOW: Final = bindparam("now", type_=UtcDateTime())
_THIS: Final = _c.id == bindparam("key")
_AT_ONCE: Final = 1_000

_LOCK: Final = (
    select(_c.id, _c.device_id, _c.state, _c.claim_id, _c.certificate_arn, _c.requested_at)
    .where(_c.id.in_(bindparam("keys", expanding=True)))
    .order_by(_c.id)
    .with_for_update()
)
_ADOPT: Final = (
    update(certificate)
    .where(_THIS)
    .values(
        certificate_arn=bindparam("arn"),
        serial_number=bindparam("serial"),
        not_before=bindparam("start", type_=UtcDateTime()),
        not_after=bindparam("end", type_=UtcDateTime()),
        issued_at=func.coalesce(_c.issued_at, bindparam("issued", type_=UtcDateTime())),
        state="issued",
        reason="",
        claim_id=None,
        updated_at=_NOW,
    )
)
_RELEASE: Final = (
    update(certificate)
    .where(_THIS)
    .values(state="intended", requested_at=None, reason="", claim_id=None, updated_at=_NOW)
)
_DENY: Final = (
    update(certificate)
    .where(_THIS)
    .values(
        state="failed",
        certificate_arn=None,
        serial_number=None,
        not_before=None,
        not_after=None,
        requested_at=None,
        issued_at=None,
        delivered_at=None,
        reason=bindparam("why"),
        claim_id=None,
        updated_at=_NOW,
    )
)


def adopt(connection: Connection, adoptions: Sequence[Adoption], now: datetime) -> set[int]:
    """Give rows the certificate that AWS has for them; returns those that had none and took it."""
    by_id = {adoption.id: adoption for adoption in adoptions}
    rows = [row for row in _free(connection, list(by_id), now) if row.certificate_arn is None]
    for row in rows:
        log.info("%s: adopting %s", row.device_id, by_id[row.id].certificate_arn)
    values = [
        {
            "key": row.id,
            "arn": by_id[row.id].certificate_arn,
            "serial": by_id[row.id].serial_number,
            "start": by_id[row.id].not_before,
            "end": by_id[row.id].not_after,
            "issued": by_id[row.id].issued_at,
            "now": now,
        }
        for row in rows
    ]
    if values:
        connection.execute(_ADOPT, values)
    return {row.id for row in rows}


def release(
    connection: Connection, asked: Mapping[int, datetime | None], now: datetime
) -> set[int]:
    """Make `intended` again the rows that are still `requested` since the given moment."""
    rows = [
        row
        for row in _free(connection, list(asked), now)
        if row.state == "requested" and row.requested_at == asked[row.id]
    ]
    for row in rows:
        log.info("%s: AWS has issued nothing for it, intended again", row.device_id)
    if rows:
        connection.execute(_RELEASE, [{"key": row.id, "now": now} for row in rows])
    return {row.id for row in rows}


def deny(connection: Connection, arns: Mapping[int, str], now: datetime) -> set[int]:
    """Take from rows the ARN that AWS does not know; the row's reason keeps it."""
    rows = [
        row for row in _free(connection, list(arns), now) if row.certificate_arn == arns[row.id]
    ]
    for row in rows:
        log.warning("%s: AWS knows no certificate %s", row.device_id, row.certificate_arn)
    values = [
        {"key": row.id, "why": f"AWS knows no certificate {row.certificate_arn}", "now": now}
        for row in rows
    ]
    if values:
        connection.execute(_DENY, values)
    return {row.id for row in rows}


def batches_at_work(connection: Connection, now: datetime) -> dict[int, bool]:
    """The batches that runs have claims of: whether one of these runs is still alive."""
    rows = connection.execute(select(claim.c.id, claim.c.batch_id)).all()
    held = held_claims(connection, {row.id for row in rows}, now)
    at_work = {row.batch_id: False for row in rows}
    return at_work | {row.batch_id: True for row in rows if row.id in held}


def count_states(connection: Connection) -> dict[int, dict[str, int]]:
    """How many rows of each batch are in each state."""
    query = select(_c.batch_id, _c.state, func.count()).group_by(_c.batch_id, _c.state)
    counts: dict[int, dict[str, int]] = {}
    for batch_id, state, count in connection.execute(query):
        counts.setdefault(batch_id, {})[state] = count
    return counts


def _free(connection: Connection, ids: Sequence[int], now: datetime) -> Iterator[Any]:
    """The rows that no living run holds, locked in the order of their ids."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        rows = connection.execute(_LOCK, {"keys": ordered[start : start + _AT_ONCE]}).all()
        held = held_claims(connection, {row.claim_id for row in rows} - {None}, now)
        yield from (row for row in rows if row.claim_id not in held)
