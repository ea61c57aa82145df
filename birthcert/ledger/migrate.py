"""Brings a ledger's schema forward at open, in one transaction and under a lock."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from birthcert.ledger.connection import reading, writing
from birthcert.ledger.errors import LedgerTooNew, LedgerUnavailable
from birthcert.ledger.failures import name_of
from birthcert.ledger.schema import SCHEMA_VERSIONS

MIGRATIONS: Final = Path(__file__).parent / "migrations"
# Any number will do that no other program locks in the same database.
_POSTGRES_LOCK: Final = 0x62697274686365


def bring_forward(
    engine: Engine,
    *,
    now: datetime,
    versions: Sequence[str] = SCHEMA_VERSIONS,
    migrations: Path = MIGRATIONS,
) -> None:
    """Make the tables, or bring those of an older release up to `versions[-1]`.

    A SQLite file with an older schema is copied beside itself first. LedgerTooNew where the
    schema is not one of `versions`; LedgerUnavailable where the database is not a ledger.
    """
    with reading(engine) as connection:
        if _schema(connection, engine, versions) == versions[-1]:
            return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:k)"), {"k": _POSTGRES_LOCK})
        found = _schema(connection, engine, versions)
        if found == versions[-1]:
            return  # another process was faster
        if found and engine.dialect.name == "sqlite":
            _back_up(Path(engine.url.database or ""), found, now)
        _run_migrations(connection, migrations)


def _schema(connection: Connection, engine: Engine, versions: Sequence[str]) -> str | None:
    """The version of the schema, None for an empty database."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        if "certificate" in tables or (tables and engine.dialect.name == "sqlite"):
            raise LedgerUnavailable(
                f"{name_of(engine.url)} is not a ledger: it has tables but no schema version",
                remedy="give the ledger a database of its own",
            )
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found not in versions:
        raise LedgerTooNew(ledger=name_of(engine.url), schema=str(found), known=versions[-1])
    return found


def _back_up(path: Path, schema: str, now: datetime) -> None:
    """SQLite's own online copy: sees the state before the open transaction."""
    target = path.with_name(f"{path.name}.schema-{schema}.{now:%Y%m%dT%H%M%SZ}.backup")
    target.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _run_migrations(connection: Connection, migrations: Path) -> None:
    # Imported here: Alembic takes longer to load than a ledger of today's schema takes to open.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
