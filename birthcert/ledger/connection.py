"""Connections to the ledger's database, set up so that what is committed survives a power cut."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

from birthcert.errors import ConfigurationError
from birthcert.ledger.failures import ledger_failures

FILE_NAME: Final = "ledger.sqlite3"
BUSY_TIMEOUT_MILLISECONDS: Final = 15_000
BUSY_NAP_SECONDS: Final = 0.01
POSTGRES_TIMEOUT_SECONDS: Final = 10
# Marks a connection that only reads: on SQLite it then takes no write lock.
READ_ONLY: Final = "birthcert_read_only"

# SQLite has one writer at a time, and one that is not let in looks again after ever longer naps:
# the threads of a process rather stand in line.
_writers: WeakKeyDictionary[Engine, AbstractContextManager[object]] = WeakKeyDictionary()


def connect(url: str | None, state_folder: Path) -> Engine:
    """An engine for a Postgres or SQLite URL, by default the SQLite file in the state folder.

    ConfigurationError for another URL; LedgerUnavailable where the folder cannot be made.
    """
    target = ledger_url(url, state_folder)
    if target.get_backend_name() == "postgresql":
        return _postgres(target)
    return _sqlite(target)


def ledger_url(url: str | None, state_folder: Path) -> URL:
    """The URL with the driver that this project uses; ConfigurationError for other databases."""
    if not url:
        return URL.create("sqlite", database=str(state_folder / FILE_NAME))
    try:
        given = make_url(url.replace("postgres://", "postgresql://", 1))
    except ArgumentError as error:
        raise ConfigurationError(
            "the ledger's URL cannot be read", remedy="write postgresql://user@host/database"
        ) from error
    if given.get_backend_name() == "postgresql":
        return given.set(drivername="postgresql+psycopg")
    if given.get_backend_name() == "sqlite" and given.database not in (None, "", ":memory:"):
        return given.set(drivername="sqlite")
    raise ConfigurationError(
        f"the ledger cannot live in {given.render_as_string(hide_password=True)}",
        remedy="give postgresql://user@host/database, or nothing for a SQLite file",
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for SELECTs that see one moment."""
    with ledger_failures(engine.url), engine.connect() as connection:
        connection = connection.execution_options(**{READ_ONLY: True})
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction, durable when the block ends without an error."""
    with ledger_failures(engine.url), _writers[engine], engine.begin() as connection:
        yield connection


def _postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": POSTGRES_TIMEOUT_SECONDS}
        )
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "the driver for Postgres is not installed", remedy="pip install 'birthcert[postgres]'"
        ) from error
    _writers[engine] = nullcontext()
    return engine


def _sqlite(url: URL) -> Engine:
    with ledger_failures(url):
        _make_private_file(Path(url.database or ""))
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MILLISECONDS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    _writers[engine] = threading.Lock()
    return engine


def _make_private_file(path: Path) -> None:
    """The folder for the owner alone, and the file before SQLite makes it readable for all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # sqlite3's own implicit BEGINs come too late for a write lock and never around DDL
    connection.isolation_level = None
    _into_wal_mode(connection)
    # FULL: a commit is on the disk before money is spent on it; NORMAL may lose it in a power cut
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA foreign_keys = ON")


def _into_wal_mode(connection: sqlite3.Connection) -> None:
    """Asks again for as long as the busy timeout, which SQLite leaves out at this one change.

    It needs the file for itself: of two that open a new ledger at once, one is refused at once.
    """
    patience = time.monotonic() + BUSY_TIMEOUT_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # of an extended code the last byte tells the kind
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > patience:
                raise
            time.sleep(BUSY_NAP_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")
