"""A folder of this machine."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO

from birthcert.errors import ConfigurationError
from birthcert.files import make_folder, replacing, write_atomically
from birthcert.storage.folder import Source


class LocalFolder:
    """`birthcert.storage.folder.Folder` on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"LocalFolder({self.path})"

    @cached_property
    def _home(self) -> Path:
        return Path(os.path.realpath(self.path))

    def address(self, name: str = "") -> str:
        """The path."""
        return str(self.path / name)

    def is_there(self) -> bool:
        """Whether the path is a folder."""
        return self.path.is_dir()

    def check_writable(self) -> None:
        """Write a file that has no name, where the folder is not there yet above it."""
        try:
            with tempfile.TemporaryFile(dir=_nearest(self.path)) as trial:
                trial.write(b"trial")
        except OSError as error:
            raise ConfigurationError(
                f"the output folder {self.path} cannot be written: {error.strerror or error}",
                remedy="nothing was touched: name another folder or give this user write access",
            ) from error

    def inside(self, name: str) -> str | None:
        """By the real path: a symbolic link may lead out too."""
        if Path(name).is_absolute() or "\0" in name:
            return None
        path = Path(os.path.realpath(self._home / name))
        return str(path.relative_to(self._home)) if path.is_relative_to(self._home) else None

    def exists(self, name: str) -> bool:
        """Whether the path exists."""
        return (self.path / name).exists()

    def read(self, name: str, limit: int) -> bytes:
        """No pipe is opened: that would wait for its writer."""
        path = self.path / name
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        with path.open("rb") as stream:
            return stream.read(limit)

    @contextmanager
    def open(self, name: str) -> Iterator[Source]:
        """`unchanged` compares size and time of the last change."""
        with (self.path / name).open("rb") as stream:
            before = _state(stream)
            yield Source(stream, lambda: _state(stream) == before)

    def write(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        """Under a temporary name, synced, renamed."""
        path = self.path / name
        make_folder(path.parent)
        write_atomically(path, data, mode=mode)

    @contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """Under a temporary name, synced, renamed."""
        path = self.path / name
        make_folder(path.parent)
        with replacing(path) as stream:
            yield stream

    def files(self, under: str = "") -> Iterator[str]:
        """In no order."""
        for folder, _, names in os.walk(self.path / under):
            for name in names:
                yield str((Path(folder) / name).relative_to(self.path))


def _nearest(path: Path) -> Path:
    """The path, or the first one above it that is there."""
    try:
        # a link that leads nowhere is there, and no folder can be made in its place
        path.lstat()
    except FileNotFoundError:
        return _nearest(path.parent)
    return path


def _state(stream: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns
