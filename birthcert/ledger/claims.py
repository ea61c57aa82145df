"""Claims: which run works on which rows, so that two runs never buy for one device.

A claim is one row with a lease; the certificates it holds name it. It holds as long as its lease
is renewed and its process is not known to be gone.
"""

import os
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, select, update

from birthcert.ledger.liveness import is_gone, process_space
from birthcert.ledger.rows import insert_one
from birthcert.ledger.schema import claim

LEASE: Final = timedelta(seconds=60)
RENEWAL: Final = timedelta(seconds=15)


def open_claim(connection: Connection, batch_id: int, now: datetime) -> int:
    """A fresh claim of this process; sweeps away those whose lease is over."""
    connection.execute(delete(claim).where(claim.c.lease_until < now))
    row = {
        "batch_id": batch_id,
        "process_space": process_space(),
        "pid": os.getpid(),
        "lease_until": now + LEASE,
    }
    return insert_one(connection, claim, row)


def renew_claim(connection: Connection, claim_id: int, now: datetime) -> None:
    """Move the lease on; without effect on a claim that was swept away meanwhile."""
    connection.execute(update(claim).where(claim.c.id == claim_id).values(lease_until=now + LEASE))


def close_claim(connection: Connection, claim_id: int) -> None:
    """Free every row that the claim still holds."""
    connection.execute(delete(claim).where(claim.c.id == claim_id))


def held_claims(connection: Connection, claim_ids: set[int], now: datetime) -> set[int]:
    """Those of the claims that still hold."""
    if not claim_ids:
        return set()
    rows = connection.execute(select(claim).where(claim.c.id.in_(claim_ids)))
    return {
        row.id for row in rows if row.lease_until > now and not is_gone(row.process_space, row.pid)
    }
