"""The passphrase of private keys: from a file or the environment, never from a flag."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from birthcert.errors import ConfigurationError
from birthcert.pki.keys import PASSPHRASE_MAX_BYTES

VARIABLE: Final = "BIRTHCERT_KEY_PASSPHRASE"
ROOT_VARIABLE: Final = "BIRTHCERT_ROOT_PASSPHRASE"
KEYS: Final = {VARIABLE: "the private keys", ROOT_VARIABLE: "the root's key"}
FILES: Final = {VARIABLE: "key_passphrase_file", ROOT_VARIABLE: "root-passphrase-file"}
MIN_BYTES: Final = 8
READABLE_BY_OTHERS: Final = 0o044

logger = logging.getLogger(__name__)


def read_passphrase(
    file: str | None,
    environment: Mapping[str, str],
    *,
    min_bytes: int = MIN_BYTES,
    variable: str = VARIABLE,
) -> bytes:
    """The passphrase for private keys: 8 to 1,023 bytes on one line.

    `min_bytes=1` takes the short ones of keys that others made.

    `file` goes before the `variable` of the environment; the line end of a file is not part
    of it. Raises ConfigurationError where neither is there or the passphrase is of no use.
    """
    if file:
        return _checked(_from_file(Path(file)), f"the file {file}", min_bytes)
    if variable in environment:
        return _checked(
            environment[variable].encode(errors="surrogateescape"), f"${variable}", min_bytes
        )
    raise ConfigurationError(
        f"there is no passphrase for {KEYS[variable]}",
        remedy=f"name a file that holds one ({FILES[variable]}) or set {variable}",
    )


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            # two bytes more for a line end
            text = stream.read(PASSPHRASE_MAX_BYTES + 3)
            mode = path.stat().st_mode
    except OSError as error:
        raise ConfigurationError(
            f"the passphrase file {path} cannot be read: {error.strerror or error}",
            remedy="name a readable file with the passphrase on its first and only line",
        ) from error
    if mode & READABLE_BY_OTHERS:
        logger.warning(
            "the passphrase file %s is readable by others; run: chmod 600 %s", path, path
        )
    return text.removesuffix(b"\n").removesuffix(b"\r")


def _checked(passphrase: bytes, where: str, min_bytes: int) -> bytes:
    if b"\n" in passphrase:
        problem = "has more than one line"
    elif not passphrase:
        problem = "is empty"
    elif len(passphrase) < min_bytes:
        problem = f"is {len(passphrase)} bytes long"
    elif len(passphrase) > PASSPHRASE_MAX_BYTES:
        problem = "is too long"
    else:
        return passphrase
    raise ConfigurationError(
        f"the passphrase in {where} {problem}",
        remedy=f"use one line of {min_bytes} to {PASSPHRASE_MAX_BYTES:,} bytes",
    )
