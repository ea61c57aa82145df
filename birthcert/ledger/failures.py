"""A database's errors in the user's words: what is wrong with the ledger and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from birthcert.ledger.errors import LedgerConflict, LedgerUnavailable

# SQLite's messages, and what each asks of the user.
_SQLITE: Final = (
    ("database is locked", "is locked by another process", "close what holds it, and run again"),
    ("database or disk is full", "has no room on its disk", "make room, and run again"),
    (
        "disk i/o error",
        "cannot be written by its disk",
        "check the disk and its free space, and run again",
    ),
    (
        "attempt to write a readonly database",
        "is read-only",
        "make its folder and file writable for you",
    ),
    (
        "unable to open database file",
        "cannot be opened",
        "check that its folder exists and is writable for you",
    ),
    ("malformed", "is damaged", "restore it from a backup beside it"),
    ("not a database", "is no SQLite file, or damaged", "restore it from a backup beside it"),
)
_POSTGRES_REMEDY: Final = "check that the database runs and that its URL is right, and run again"
_OTHER_REMEDY: Final = "check the database, and run again: nothing that was recorded is lost"


@contextmanager
def ledger_failures(url: URL) -> Iterator[None]:
    """Turn a database's or disk's error inside the block into LedgerUnavailable or LedgerConflict.

    A password in the URL is never shown.
    """
    try:
        yield
    except IntegrityError as error:
        raise LedgerConflict(
            f"the ledger {name_of(url)} refuses a row: {_first_line(error.orig)}",
            remedy="run `birthcert reconcile`",
        ) from error
    except (DatabaseError, InterfaceError) as error:
        raise _unavailable(url, _first_line(error.orig)) from error
    except PoolTimeout as error:
        raise _unavailable(url, "no connection came free") from error
    except OSError as error:
        raise LedgerUnavailable(
            f"the ledger {name_of(url)} cannot be used: {error.strerror or error}",
            remedy="check its folder, and run again",
        ) from error


def name_of(url: URL) -> str:
    """The ledger as a user knows it: the SQLite file, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _unavailable(url: URL, message: str) -> LedgerUnavailable:
    if url.get_backend_name() != "sqlite":
        return LedgerUnavailable(
            f"the ledger {name_of(url)} does not answer: {message}", remedy=_POSTGRES_REMEDY
        )
    for words, what, remedy in _SQLITE:
        if words in message.lower():
            return LedgerUnavailable(f"the ledger {name_of(url)} {what}", remedy=remedy)
    return LedgerUnavailable(
        f"the ledger {name_of(url)} cannot be used: {message}", remedy=_OTHER_REMEDY
    )


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"
