"""The quota book: AWS's call quotas, one row each, shared by every process that has the ledger."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, select, text, update

from birthcert.ledger.connection import reading, writing
from birthcert.ledger.quotas import Asked, Grant, Quota, QuotaSource
from birthcert.ledger.rows import insert_new
from birthcert.ledger.schema import quota
from birthcert.models import Place

# How long a limit is taken as read: an increase is used this soon at the latest.
LIMIT_LIFE_SECONDS: Final = 900.0
_POSTGRES_CLOCK: Final = text("SELECT extract(epoch FROM clock_timestamp())::float8")
_FACTS: Final = (
    quota.c.limit_per_second,
    quota.c.source,
    quota.c.read_at,
    quota.c.factor,
    quota.c.backed_off_at,
    quota.c.next_free,
)


class QuotaBook:
    """The quotas of all places; `action` is `service.Action`. Safe for threads and processes.

    The database's clock counts: `clock` stands for it on SQLite, where it is this machine's.
    Raises LedgerUnavailable as the ledger does.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock = engine, clock

    def reserve(
        self,
        place: Place,
        action: str,
        wanted: int,
        *,
        asked: Asked,
        local_clock: Callable[[], float],
    ) -> tuple[Grant, float] | None:
        """The next starts, and the local clock's time at the grant's `now`.

        None where the limit is not known, or was read too long ago: `learn` it first.
        """
        with writing(self._engine) as connection:
            row = self._locked(connection, place, action)
            now, local_now = self._now(connection), local_clock()
            if row is None or not 0 <= now - row.read_at < LIMIT_LIFE_SECONDS:
                return None
            before = _quota(row)
            after, grant = before.reserve(now, wanted, asked)
            self._write(connection, row.id, before, after)
        return grant, local_now

    def learn(self, place: Place, action: str, per_second: float, source: QuotaSource) -> None:
        """Write down the limit that is in force; who waits in line keeps their place."""
        with writing(self._engine) as connection:
            now = self._now(connection)
            fresh = Quota(per_second, source, read_at=now)
            row = {"place": place.key, "action": action, **asdict(fresh)}
            insert_new(connection, quota, [row])
            limit = {"limit_per_second": per_second, "source": source, "read_at": now}
            connection.execute(update(quota).where(*_is(place, action)).values(**limit))

    def back_off(self, place: Place, action: str) -> float | None:
        """AWS throttled a call: everyone slows down; the new factor, None where that counted."""
        with writing(self._engine) as connection:
            row = self._locked(connection, place, action)
            if row is None:
                return None
            before = _quota(row)
            after = before.back_off(self._now(connection))
            self._write(connection, row.id, before, after)
        return after.factor if after != before else None

    def quotas(self, place: Place) -> dict[str, tuple[Quota, float]]:
        """Each action's quota in the place, and the factor that is in force."""
        with reading(self._engine) as connection:
            now = self._now(connection)
            rows = connection.execute(select(quota).where(quota.c.place == place.key))
            found = {row.action: _quota(row) for row in rows}
        return {action: (each, each.factor_at(now)) for action, each in found.items()}

    def _locked(self, connection: Connection, place: Place, action: str) -> Row[Any] | None:
        query = select(quota.c.id, *_FACTS).where(*_is(place, action)).with_for_update()
        return connection.execute(query).one_or_none()

    def _now(self, connection: Connection) -> float:
        """Read after the row is locked: whoever held it may have taken a while."""
        if connection.dialect.name == "postgresql":
            return float(connection.execute(_POSTGRES_CLOCK).scalar_one())
        return self._clock()

    @staticmethod
    def _write(connection: Connection, row_id: int, before: Quota, after: Quota) -> None:
        if after != before:
            connection.execute(update(quota).where(quota.c.id == row_id).values(**asdict(after)))


def _is(place: Place, action: str) -> tuple[Any, ...]:
    return quota.c.place == place.key, quota.c.action == action


def _quota(row: Row[Any]) -> Quota:
    return Quota(**{column.name: getattr(row, column.name) for column in _FACTS})
