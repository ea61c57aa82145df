"""The statements on authorities, registrations and batches: each takes an open transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select, update

from birthcert.ledger.records import Authority, Batch, BatchState, Registration
from birthcert.ledger.rows import insert_new, insert_one
from birthcert.ledger.schema import authority, batch, registration
from birthcert.models import Place

_BATCHES: Final = select(batch, authority.c.tenant, authority.c.place, authority.c.arn).join(
    authority, authority.c.id == batch.c.authority_id
)


def authority_id(connection: Connection, tenant: str, place: Place, arn: str, now: datetime) -> int:
    """The id of an authority's row, made where it is not there yet."""
    row = {
        "tenant": tenant,
        "place": place.key,
        "arn": arn,
        "certificate_pem": "",
        "created_at": now,
        "updated_at": now,
    }
    insert_new(connection, authority, [row])
    query = select(authority.c.id).where(
        authority.c.tenant == tenant, authority.c.place == place.key, authority.c.arn == arn
    )
    return int(connection.execute(query).scalar_one())


def set_certificate(connection: Connection, row_id: int, pem: str, now: datetime) -> None:
    """An authority's own certificate."""
    connection.execute(
        update(authority)
        .where(authority.c.id == row_id)
        .values(certificate_pem=pem, updated_at=now)
    )


def add_registration(
    connection: Connection, row_id: int, known_as: Registration, now: datetime
) -> None:
    """An authority's registration with AWS IoT, unless it is there already."""
    row = {
        "authority_id": row_id,
        "certificate_id": known_as.certificate_id,
        "certificate_arn": known_as.certificate_arn,
        "created_at": now,
        "updated_at": now,
    }
    insert_new(connection, registration, [row])


def list_authorities(connection: Connection, tenant: str | None) -> list[Authority]:
    """All authorities, or a tenant's, with their registrations, in the order they came."""
    query = select(authority).order_by(authority.c.id)
    if tenant is not None:
        query = query.where(authority.c.tenant == tenant)
    registrations: dict[int, list[Registration]] = {}
    for row in connection.execute(select(registration).order_by(registration.c.id)):
        known = registrations.setdefault(row.authority_id, [])
        known.append(Registration(row.certificate_id, row.certificate_arn))
    return [
        Authority(
            tenant=row.tenant,
            place=row.place,
            arn=row.arn,
            certificate_pem=row.certificate_pem,
            registrations=tuple(registrations.get(row.id, ())),
        )
        for row in connection.execute(query)
    ]


def add_batch(connection: Connection, row_id: int, manifest: str, out: str, now: datetime) -> int:
    """A running batch of an authority; returns its id."""
    values = {
        "authority_id": row_id,
        "manifest": manifest,
        "out": out,
        "state": "running",
        "started_at": now,
    }
    return insert_one(connection, batch, values)


def end_batch(
    connection: Connection,
    batch_id: int,
    state: BatchState,
    counts: Mapping[str, int],
    now: datetime,
) -> None:
    """How a batch ended."""
    connection.execute(
        update(batch).where(batch.c.id == batch_id).values(state=state, ended_at=now, **counts)
    )


def note_batch(connection: Connection, batch_id: int, counts: Mapping[str, int]) -> None:
    """How far a batch is."""
    connection.execute(update(batch).where(batch.c.id == batch_id).values(**counts))


def list_batches(connection: Connection, tenant: str | None) -> list[Batch]:
    """All batches, or a tenant's, the newest first."""
    query = _BATCHES.order_by(batch.c.id.desc())
    if tenant is not None:
        query = query.where(authority.c.tenant == tenant)
    return [_as_batch(row) for row in connection.execute(query)]


def _as_batch(row: Any) -> Batch:
    return Batch(
        id=row.id,
        tenant=row.tenant,
        place=row.place,
        authority_arn=row.arn,
        manifest=row.manifest,
        out=row.out,
        state=row.state,
        requested=row.requested,
        issued=row.issued,
        existing=row.existing,
        refused=row.refused,
        failed=row.failed,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
