"""Which row had a name or a key first, for a million rows, without their names in memory."""

import hashlib
import sqlite3
from types import TracebackType
from typing import Final, Self

from birthcert.errors import ConfigurationError

CACHE_KIBIBYTES: Final = 65_536


class FirstRows:
    """The first row of each value seen.

    Values are kept as 128-bit hashes, at which two different ones do not meet by chance, in a
    private temporary SQLite database: in memory up to 64 MiB, beyond that in a file that is gone
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

    def earlier(self, kind: str, value: str, row: int) -> int | None:
        """The row that had this value of this kind before, or None: then `row` is the first.

        ConfigurationError when the temporary folder has no room left.
        """
        key = hashlib.blake2b(f"{kind}:{value}".encode(), digest_size=16).digest()
        try:
            inserted = self._database.execute(
                "INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, row)
            ).rowcount
            if inserted:
                return None
            found = self._database.execute("SELECT number FROM seen WHERE hash = ?", (key,))
            return int(found.fetchone()[0])
        except sqlite3.OperationalError as error:
            raise ConfigurationError(
                f"the search for duplicates needs temporary room: {error}",
                remedy="point SQLITE_TMPDIR at a folder with 100 MB free for each million devices",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()
