"""Inserting rows, in the dialect of SQLite or Postgres."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from birthcert.ledger import statements
from birthcert.ledger.schema import certificate

_INSERTS: Final[dict[str, Callable[[Table], Any]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert the rows whose unique keys are not there yet."""
    if rows:
        insert = _INSERTS[connection.dialect.name]
        connection.execute(insert(table).on_conflict_do_nothing(), rows)


def insert_certificates(connection: Connection, facts: dict[str, object]) -> dict[str, int]:
    """Insert rows of `certificate` whose unique keys are not there yet: ids of the new, by token.

    `facts` are the parameters of statements.INTENDED.
    """
    statement = _insert_certificates(connection.dialect.name)
    return {token: row_id for row_id, token in connection.execute(statement, facts)}


@cache
def _insert_certificates(dialect: str) -> Any:
    return (
        _INSERTS[dialect](certificate)
        .from_select(statements.INTENDED_NAMES, statements.INTENDED, include_defaults=False)
        .on_conflict_do_nothing()
        .returning(certificate.c.id, certificate.c.token)
    )


def insert_one(connection: Connection, table: Table, row: dict[str, object]) -> int:
    """Insert a row; returns the id that the database gave it."""
    key = connection.execute(table.insert().values(row)).inserted_primary_key
    assert key is not None
    return int(key[0])
