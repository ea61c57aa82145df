"""`s3://bucket/prefix` taken apart, strictly: an address has one reading or none."""

import posixpath
import re
from dataclasses import dataclass
from typing import Final

from birthcert.errors import ConfigurationError

S3: Final = "s3://"
KEY_MAX_BYTES: Final = 1_024
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class S3Address:
    """A bucket and a key or prefix in it; `key` has no slash at its ends and may be empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{S3}{self.bucket}/{self.key}".rstrip("/")

    @property
    def prefix(self) -> str:
        """What the keys of a folder begin with: a sibling `acme-evil` does not match `acme/`."""
        return f"{self.key}/" if self.key else ""


def is_s3(location: str) -> bool:
    """Whether a location is an S3 address and no path."""
    return location.startswith(S3)


def parse_s3(location: str) -> S3Address:
    """The address in a location, a slash at its end left out.

    S3 takes keys for mere letters, but what lists or copies them to folders does not: `.`, `..`
    and empty parts are refused, and so are control characters. Raises ConfigurationError.
    """
    bucket, _, key = location.removeprefix(S3).partition("/")
    key = key.removesuffix("/")
    if not _BUCKET.fullmatch(bucket):
        raise _unusable(location, f"{bucket!r} is no name of a bucket")
    if any(part in ("", ".", "..") for part in key.split("/")) and key:
        raise _unusable(location, "its key has an empty part, `.` or `..` in it")
    if not key.isprintable() or len(key.encode(errors="replace")) > KEY_MAX_BYTES:
        raise _unusable(location, f"its key has control characters or over {KEY_MAX_BYTES} bytes")
    return S3Address(bucket, key)


def below(name: str) -> str | None:
    """A relative name with its dots followed; None where it leads out of its folder."""
    plain = posixpath.normpath(name)
    if plain.startswith(("/", "../")) or plain in (".", "..") or "\0" in plain:
        return None
    return plain


def split_object(location: str) -> tuple[str, str]:
    """An object's folder and its name in it; ConfigurationError for an address without one."""
    address = parse_s3(location)
    if not address.key or location.endswith("/"):
        raise _unusable(location, "it names no object")
    folder, _, name = address.key.rpartition("/")
    return str(S3Address(address.bucket, folder)), name


def _unusable(location: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{location!r} cannot be used as an address in S3: {why}",
        remedy="write it as s3://bucket/folder/name",
    )
