"""A prefix in S3 as a folder."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from birthcert.aws.bucket import PIECE_BYTES, Bucket
from birthcert.errors import (
    AwsCallFailed,
    BirthcertError,
    ConfigurationError,
)
from birthcert.files import UnwritableOutput
from birthcert.storage.address import S3Address, below
from birthcert.storage.folder import Source

_BUFFER_BYTES: Final = 65_536
_TRIAL: Final = ".trial"


class S3Folder:
    """`birthcert.storage.folder.Folder` below a prefix.

    Keys are made by joining: what comes from outside goes through `inside` first.
    """

    def __init__(self, bucket: Bucket, address: S3Address) -> None:
        self.bucket, self._address = bucket, address

    def __repr__(self) -> str:
        return f"S3Folder({self._address})"

    def address(self, name: str = "") -> str:
        """`s3://bucket/prefix/name`."""
        return f"{self._address}/{name}" if name else str(self._address)

    def key(self, name: str) -> str:
        """A file's key."""
        return self._address.prefix + name

    def is_there(self) -> bool:
        """Whether any object is below the prefix."""
        return any(True for _ in self.bucket.entries(self._address.prefix, at_most=1))

    def check_writable(self) -> None:
        """Begin an upload and drop it: it needs the right to write, and leaves nothing behind."""
        key = self.key(_TRIAL)
        try:
            self.bucket.drop_parts(key, self.bucket.begin_parts(key))
        except AwsCallFailed as failure:
            raise ConfigurationError(
                f"the output {self._address} cannot be written: {failure.what}",
                remedy=f"nothing was touched: {failure.remedy or 'name another output'}",
            ) from failure

    def inside(self, name: str) -> str | None:
        """By the letters alone: S3 has no links."""
        return below(name)

    def exists(self, name: str) -> bool:
        """Whether there is an object."""
        key = self.key(name)
        return any(entry.key == key for entry in self.bucket.entries(key, at_most=1))

    def read(self, name: str, limit: int) -> bytes:
        """One request."""
        piece = self.bucket.read(self.key(name), size=limit)
        if piece is None:
            raise FileNotFoundError(self.address(name))
        return piece.data

    @contextmanager
    def open(self, name: str) -> Iterator[Source]:
        """By pieces, each of the version that the first one had: the stream may last for hours."""
        with io.BufferedReader(_Pieces(self.bucket, self.key(name)), _BUFFER_BYTES) as stream:
            yield Source(cast("io.BufferedReader", stream), lambda: True)

    def write(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        """One request, in parts where it is large; S3 knows no `mode`."""
        with self.replacing(name) as stream:
            stream.write(data)

    @contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """Sent in parts as it grows; until the end of the block S3 shows nothing of it."""
        parts = _Parts(self.bucket, self.key(name))
        try:
            try:
                yield cast("BinaryIO", parts)
                parts.finish()
            except BaseException:
                parts.drop()
                raise
        except AwsCallFailed as failure:
            if failure.service != "s3":
                raise
            raise UnwritableOutput(
                f"{self.address(name)} could not be written: {failure.what}",
                remedy=failure.remedy or "run the same command again: it goes on",
                path=self.address(name),
            ) from failure

    def files(self, under: str = "") -> Iterator[str]:
        """By key."""
        prefix = self.key(f"{under}/" if under else "")
        for entry in self.bucket.entries(prefix):
            yield entry.key.removeprefix(self._address.prefix)


class _Pieces(io.RawIOBase):
    """One version of an object as a stream; memory holds one piece."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        first = bucket.read(key)
        if first is None:
            raise FileNotFoundError(2, "there is no such object in S3", f"s3://{bucket.name}/{key}")
        self._piece, self._start, self._at = first, 0, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Up to a piece's end; 0 at the object's."""
        if self._at == len(self._piece.data) and not self._next():
            return 0
        taken = self._piece.data[self._at : self._at + len(buffer)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)

    def _next(self) -> bool:
        self._start += len(self._piece.data)
        if self._start >= self._piece.object_bytes:
            return False
        piece = self._bucket.read(self._key, start=self._start, etag=self._piece.etag)
        assert piece is not None
        self._piece, self._at = piece, 0
        return bool(piece.data)


class _Parts(io.RawIOBase):
    """Bytes on their way to an object: one request for few, an upload in parts for many."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._waiting = bytearray()
        self._upload = ""
        self._etags: list[str] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keep it until there is a part's worth."""
        self._waiting += data
        while len(self._waiting) >= PIECE_BYTES:
            part = bytes(self._waiting[:PIECE_BYTES])
            del self._waiting[:PIECE_BYTES]
            self._send(part)
        return len(data)

    def finish(self) -> None:
        """The object takes its place."""
        if not self._upload:
            self._bucket.put(self._key, bytes(self._waiting))
            return
        if self._waiting:
            self._send(bytes(self._waiting))
        self._bucket.end_parts(self._key, self._upload, self._etags)

    def drop(self) -> None:
        """What was sent is forgotten; where S3 does not answer, its lifecycle rule does that."""
        if self._upload:
            try:
                self._bucket.drop_parts(self._key, self._upload)
            except BirthcertError:
                return

    def _send(self, part: bytes) -> None:
        self._upload = self._upload or self._bucket.begin_parts(self._key)
        number = len(self._etags) + 1
        self._etags.append(self._bucket.put_part(self._key, self._upload, number, part))
