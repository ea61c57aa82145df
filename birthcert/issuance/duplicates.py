"""Which row had a name or a key first, for a million rows, without their names in memory."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from birthcert.errors import ConfigurationError

CACHE_KIBIBYTES: Final = 32_768
_BITS_MASK: Final = (1 << 27) - 1
_AT_ONCE: Final = 1_000


class FirstRows:
    """The first row of each value seen.

    Values are kept as 128-bit hashes, at which two different ones do not meet by chance, in a
    private temporary SQLite database: in memory up to 32 MiB, beyond that in a file that is gone
    with the process.
    """

    def __init__(self) -> None:
        # the rows may be drawn by another thread than the one that made the generator
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            f"PRAGMA cache_size = -{CACHE_KIBIBYTES}",
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE seen (hash BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID",
            "BEGIN",
        ):
            self._database.execute(statement)
        # most values are new, which two bits of 16 MiB tell without asking the database
        self._bits = bytearray((_BITS_MASK + 1) // 8)
        self._new: list[tuple[bytes, int]] = []

    def earlier(self, kind: str, value: str, row: int) -> int | None:
        """The row that had this value of this kind before, or None: then `row` is the first.

        ConfigurationError when the temporary folder has no room left.
        """
        key = hashlib.blake2b(f"{kind}:{value}".encode(), digest_size=16).digest()
        number = int.from_bytes(key[:8], "little")
        first, second = number & _BITS_MASK, (number >> 32) & _BITS_MASK
        bits, one, two = self._bits, 1 << (first & 7), 1 << (second & 7)
        if bits[first >> 3] & one and bits[second >> 3] & two:
            found = self._stored(key)
            if found is not None:
                return found
        bits[first >> 3] |= one
        bits[second >> 3] |= two
        self._new.append((key, row))
        if len(self._new) >= _AT_ONCE:
            self._store()
        return None

    def _stored(self, key: bytes) -> int | None:
        """The row of a value that was seen, or one of a thousand that was not."""
        self._store()
        with _room():
            found = self._database.execute("SELECT number FROM seen WHERE hash = ?", (key,))
            row = found.fetchone()
        return int(row[0]) if row else None

    def _store(self) -> None:
        with _room():
            self._database.executemany("INSERT INTO seen VALUES (?, ?)", self._new)
        self._new.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ConfigurationError(
            f"the search for duplicates needs temporary room: {error}",
            remedy="point SQLITE_TMPDIR at a folder with 100 MB free for each million devices",
        ) from error
