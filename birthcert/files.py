"""Files that are there whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from birthcert.errors import BirthcertError


class UnwritableOutput(BirthcertError):
    """A file could not be written: the disk is full, or its folder went away or was closed."""


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file under a temporary name in its folder, fsync it and rename it into place.

    `mode` holds from the first instant. Raises UnwritableOutput; what was there before stays.
    """
    with replacing(path, mode=mode) as stream:
        stream.write(data)


def write_new(path: Path, data: bytes, *, mode: int = 0o644) -> bool:
    """Write a file as `write_atomically` does, but only where there is none yet.

    False: one was there, or another process was first, and it stays. Raises UnwritableOutput.
    """
    with _beside(path, mode) as (stream, temporary):
        stream.write(data)
        _sync(stream)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
    return True


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A stream whose bytes take the place of `path` when the block ends without an error.

    A process killed in between leaves `.NAME.*.tmp` beside it, which nothing reads. Raises
    UnwritableOutput.
    """
    with _beside(path, mode) as (stream, temporary):
        yield stream
        _sync(stream)
        temporary.replace(path)
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents durably, if it is not there; raises UnwritableOutput."""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise _unwritable(folder, error) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _beside(path: Path, mode: int) -> Iterator[tuple[BinaryIO, Path]]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream, temporary
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _sync(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _unwritable(path: Path, error: OSError) -> UnwritableOutput:
    return UnwritableOutput(
        f"{path} could not be written: {error.strerror or error}",
        remedy="make room or give access, then run the same command again: it goes on",
        path=str(path),
    )
