"""Which row had a name or a key first, for a million rows, without their names in memory."""

import hashlib
from typing import Final

# Of a value's hash the first bytes choose its shelf, the others stand on it, each before its row.
_SHELF_BYTES: Final = 2
_HASH_BYTES: Final = 8
_ROW_BYTES: Final = 4
_HEX_LETTERS: Final = 2 * (_SHELF_BYTES + _HASH_BYTES)
_BOOK_BYTES: Final = _HASH_BYTES + _ROW_BYTES


class FirstRows:
    """The first row of each name and key seen, in about 16 bytes of memory a value.

    Values are kept as 80-bit hashes: that two different ones meet among two million has a
    chance of one in 10^12.
    """

    def __init__(self) -> None:
        self._shelves = [bytearray() for _ in range(1 << 8 * _SHELF_BYTES)]

    def of_name(self, device_id: str, row: int) -> int | None:
        """The row that had this name before, or None: then `row` is the first."""
        digest = hashlib.blake2b(device_id.encode(), digest_size=_SHELF_BYTES + _HASH_BYTES)
        return self._earlier(digest.digest(), row)

    def of_key(self, public_key_sha256: str, row: int) -> int | None:
        """The same of a key's SHA-256 in hex."""
        return self._earlier(bytes.fromhex(public_key_sha256[:_HEX_LETTERS]), row)

    def _earlier(self, digest: bytes, row: int) -> int | None:
        shelf, key = self._shelves[digest[0] << 8 | digest[1]], digest[_SHELF_BYTES:]
        at = shelf.find(key)
        while at % _BOOK_BYTES and at >= 0:  # the bytes of two neighbours
            at = shelf.find(key, at + 1)
        if at >= 0:
            return int.from_bytes(shelf[at + _HASH_BYTES : at + _BOOK_BYTES], "big")
        shelf += key + row.to_bytes(_ROW_BYTES, "big")
        return None
