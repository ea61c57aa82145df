"""Many rows as one parameter: a JSON list of lists, of which the database makes a table.

A statement that is run once for each row costs ten times as much in Python as in the database,
and a round trip each on Postgres. A column of the table is `text_at`, `number_at` or `moment_at`
of `value` and its position.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import TableValuedAlias
from sqlalchemy.sql.functions import FunctionElement

from birthcert.ledger.schema import UtcDateTime

Value = str | int | None


def listed(rows: Iterable[Sequence[Value]]) -> str:
    """Rows for the parameter of `given_rows`."""
    return json.dumps(list(rows), separators=(",", ":"))


def listed_keys(keys: Iterable[Value]) -> str:
    """Rows of one column."""
    return listed([key] for key in keys)


def moment_text(moment: datetime) -> str:
    """A moment as a value of a row."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class _Elements(FunctionElement[Any]):
    """A table with the column `value`, one row for each element of a JSON list."""

    name = "json_elements"
    inherit_cache = True


class _Text(FunctionElement[str]):
    name = "text_at"
    type = String()
    inherit_cache = True


class _Number(FunctionElement[int]):
    name = "number_at"
    type = BigInteger()
    inherit_cache = True


class _Moment(FunctionElement[datetime]):
    name = "moment_at"
    type = UtcDateTime()
    inherit_cache = True


def given_rows(parameter: str) -> TableValuedAlias:
    """The table that the parameter of this name holds."""
    return _Elements(bindparam(parameter, type_=String())).table_valued("value", name=parameter)


def text_at(rows: TableValuedAlias, position: int) -> ColumnElement[str]:
    """A column of text."""
    return _Text(rows.c.value, literal_column(str(position)))


def number_at(rows: TableValuedAlias, position: int) -> ColumnElement[int]:
    """A column of whole numbers."""
    return _Number(rows.c.value, literal_column(str(position)))


def moment_at(rows: TableValuedAlias, position: int) -> ColumnElement[datetime]:
    """A column of moments, written by `moment_text`."""
    return _Moment(rows.c.value, literal_column(str(position)))


# json_extract, not ->>, which SQLite has since 3.38 only
@compiles(_Elements, "sqlite")
def _sqlite_elements(element: _Elements, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Text, "sqlite")
@compiles(_Number, "sqlite")
@compiles(_Moment, "sqlite")
def _sqlite_field(element: FunctionElement[Any], compiler: Any, **options: Any) -> str:
    value, position = (compiler.process(each, **options) for each in element.clauses)
    return f"json_extract({value}, '$[{position}]')"


@compiles(_Elements, "postgresql")
def _postgres_elements(element: _Elements, compiler: Any, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSON))"


_POSTGRES_FIELDS: Final = {
    "text_at": "({0} ->> {1})",
    "number_at": "CAST({0} ->> {1} AS BIGINT)",
    "moment_at": "(CAST({0} ->> {1} AS TIMESTAMP) AT TIME ZONE 'UTC')",
}


@compiles(_Text, "postgresql")
@compiles(_Number, "postgresql")
@compiles(_Moment, "postgresql")
def _postgres_field(element: FunctionElement[Any], compiler: Any, **options: Any) -> str:
    value, position = (compiler.process(each, **options) for each in element.clauses)
    return _POSTGRES_FIELDS[element.name].format(value, position)
