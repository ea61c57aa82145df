"""Inserting rows, in the dialect of SQLite or Postgres."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: Final[dict[str, Callable[[Table], Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert the rows whose unique keys are not there yet."""
    if rows:
        insert = _INSERTS[connection.dialect.name]
        connection.execute(insert(table).on_conflict_do_nothing(), rows)


def insert_one(connection: Connection, table: Table, row: dict[str, object]) -> int:
    """Insert a row; returns the id that the database gave it."""
    key = connection.execute(table.insert().values(row)).inserted_primary_key
    assert key is not None
    return int(key[0])
