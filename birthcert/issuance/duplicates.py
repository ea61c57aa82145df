"""Which row had a name or a key first, for a million rows, without their names in memory."""

import hashlib
from typing import Final

# Of a value's hash the first bytes choose its shelf, the others stand on it, each before its row.
_SHELF_BYTES: Final = 2
_HASH_BYTES: Final = 8
_ROW_BYTES: Final = 4
_BOOK_BYTES: Final = _HASH_BYTES + _ROW_BYTES


class FirstRows:
    """The first row of each value seen, in about 16 bytes of memory a value.

    Values are kept as 80-bit hashes: that two different ones meet among two million has a
    chance of one in 10^12.
    """

    def __init__(self) -> None:
        self._shelves = [bytearray() for _ in range(1 << 8 * _SHELF_BYTES)]

    def earlier(self, kind: str, value: str, row: int) -> int | None:
        """The row that had this value of this kind before, or None: then `row` is the first."""
        size = _SHELF_BYTES + _HASH_BYTES
        digest = hashlib.blake2b(f"{kind}:{value}".encode(), digest_size=size).digest()
        shelf, key = self._shelves[digest[0] << 8 | digest[1]], digest[_SHELF_BYTES:]
        at = shelf.find(key)
        while at % _BOOK_BYTES and at >= 0:  # the bytes of two neighbours
            at = shelf.find(key, at + 1)
        if at >= 0:
            return int.from_bytes(shelf[at + _HASH_BYTES : at + _BOOK_BYTES], "big")
        shelf += key + row.to_bytes(_ROW_BYTES, "big")
        return None
