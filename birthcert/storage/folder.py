"""What a folder does for those who read manifests and write certificates, wherever it is."""

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class Source:
    """An open file: its bytes, and whether it is still what it was when it was opened."""

    stream: io.BufferedReader
    unchanged: Callable[[], bool]


class Folder(Protocol):
    """A folder of this machine or a prefix in S3; names are relative, with slashes.

    What is written is there whole or not at all, and raises UnwritableOutput. What is read raises
    FileNotFoundError where it is not there, OSError where it cannot be read on this machine, and
    AwsCallFailed where S3 refuses it.
    """

    def address(self, name: str = "") -> str:
        """The folder's path or address, or that of a file in it."""

    def is_there(self) -> bool:
        """Whether the folder exists; in S3: whether anything is in it."""

    def check_writable(self) -> None:
        """Try whether it can be written or made, and make nothing; raises ConfigurationError."""

    def inside(self, name: str) -> str | None:
        """The name with dots and links followed; None where it leads out of the folder."""

    def exists(self, name: str) -> bool:
        """Whether a file is there."""

    def read(self, name: str, limit: int) -> bytes:
        """A plain file's first bytes, at most `limit`."""

    def open(self, name: str) -> AbstractContextManager[Source]:
        """A file as a stream of one version: it raises FileChanged or says so at the end."""

    def write(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file; `mode` is its permissions where there are such."""

    def replacing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A stream whose bytes take a file's place when the block ends without an error."""

    def files(self, under: str = "") -> Iterator[str]:
        """The names of all files, those in folders below too."""
