"""A manifest's bytes as numbered lines of text, whatever the bytes are.

Gzip is known by its first bytes, not by the name. A line that cannot be text costs its own row;
what makes the rest of the file unreadable is an UnusableInput that names the row.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from birthcert.aws.bucket import ObjectChanged
from birthcert.errors import AwsCallFailed, UnusableInput
from birthcert.issuance.manifest_rows import Line
from birthcert.storage.folder import Source
from birthcert.storage.stores import LOCAL, Storage

# an inline CSR of the largest size, escaped for JSON, with room for the other fields
LINE_MAX_BYTES: Final = 131_072
GZIP_MAGIC: Final = b"\x1f\x8b"
WIDE_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

_Bytes = io.BufferedReader | gzip.GzipFile


def read_lines(
    path: str, storage: Storage = LOCAL, *, first: int = 1, last: int | None = None
) -> Iterator[Line]:
    """The lines of a file, gzipped or not, one in memory at a time; blank ones left out.

    Always the first one, which may be a header, then those from number `first` to `last`.
    Raises ConfigurationError for an address that cannot be one, UnusableInput for a file that is
    missing, no file, not UTF-8 at its start, damaged, or changed while it was read, and for an
    object that S3 does not give.
    """
    number = 0
    try:
        with _opened(path, storage) as (stream, source):
            _refuse_wide(path, stream)
            is_head = True
            for number, line in enumerate(_raw_lines(stream), start=1):
                if last is not None and number > last:
                    break
                if (is_head or number >= first) and not line.isspace():
                    yield _decoded(number, line)
                    is_head = False
            if not source.unchanged():
                raise _changed(path, number)
    except ObjectChanged as error:
        raise _changed(path, number) from error
    except AwsCallFailed as failure:
        raise UnusableInput(
            f"the manifest {path} cannot be read: {failure.what}", remedy=failure.remedy
        ) from failure
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnusableInput(
            f"the manifest {path} is a damaged gzip file after row {number}: {error}",
            remedy="copy it again: it may be cut short",
            row=number,
        ) from error
    except OSError as error:
        where = f" after row {number}" if number else ""
        raise UnusableInput(
            f"the manifest {path} cannot be read{where}: {error.strerror or error}",
            remedy="name a file that this user can read",
        ) from error


@contextmanager
def _opened(path: str, storage: Storage) -> Iterator[tuple[_Bytes, Source]]:
    folder, name = storage.file(path)
    with folder.open(name) as source:
        if source.stream.peek(2)[:2] == GZIP_MAGIC:
            with gzip.GzipFile(fileobj=source.stream) as unzipped:
                yield unzipped, source
        else:
            yield source.stream, source


def _changed(path: str, number: int) -> UnusableInput:
    return UnusableInput(
        f"the manifest {path} changed while it was read (row {number})",
        remedy="let its writer finish, then run the same command again",
    )


def _refuse_wide(path: str, stream: _Bytes) -> None:
    start = stream.peek(4)[:4]
    if start.startswith(WIDE_BOMS) or b"\0" in start:
        raise UnusableInput(
            f"the manifest {path} is not UTF-8 (row 1 looks like UTF-16)",
            remedy="save it as UTF-8",
            row=1,
        )


def _raw_lines(stream: _Bytes) -> Iterator[bytes]:
    """Lines with their ends; an overlong one is cut after its first bytes and has no end."""
    while line := stream.readline(LINE_MAX_BYTES + 1):
        rest = line
        while len(rest) > LINE_MAX_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_MAX_BYTES + 1)
        yield line


def _decoded(number: int, line: bytes) -> Line:
    if len(line) > LINE_MAX_BYTES:
        return Line(number, "", f"the line is longer than {LINE_MAX_BYTES:,} bytes")
    text = line.removesuffix(b"\n").removesuffix(b"\r")
    if number == 1:
        text = text.removeprefix(codecs.BOM_UTF8)
    if b"\0" in text or b"\r" in text:
        name = "NUL byte" if b"\0" in text else "carriage return"
        return Line(number, "", f"the line has a {name} in it")
    try:
        return Line(number, text.decode())
    except UnicodeDecodeError as error:
        return Line(number, "", f"the line is not UTF-8 at byte {error.start + 1}")
