"""A row's CSR as bytes: inline, or a file that must not lead out of the manifest's folder."""

import os
import stat
from pathlib import Path

from birthcert import limits
from birthcert.errors import UnusableInput
from birthcert.issuance.manifest import ManifestRow


def csr_bytes(row: ManifestRow, folder: Path) -> bytes:
    """The CSR of a row, unread, at most one byte more than AWS takes.

    `folder` is the manifest's own, resolved. UnusableInput for a row without a CSR, and for a
    path that is absolute, leaves the folder (by `..` or by a symbolic link), is missing or is
    no plain file: a manifest that came from elsewhere must not read this machine's files.
    """
    if row.csr_pem:
        return row.csr_pem.encode()
    if not row.csr_path:
        raise UnusableInput("the row has no CSR", remedy="name its file or give its PEM")
    shown = repr(row.csr_path[:200])
    path = _inside(row.csr_path, folder, shown)
    try:
        return _read_plain_file(path, shown)
    except FileNotFoundError as error:
        raise UnusableInput(f"there is no CSR file {shown}") from error
    except OSError as error:
        raise UnusableInput(
            f"the CSR file {shown} cannot be read: {error.strerror or error}"
        ) from error


def _inside(name: str, folder: Path, shown: str) -> Path:
    if Path(name).is_absolute():
        raise UnusableInput(
            f"the CSR path {shown} is absolute", remedy="give it relative to the manifest"
        )
    if "\0" in name:
        raise UnusableInput("the CSR path has a NUL byte in it")
    path = Path(os.path.realpath(folder / name))
    if not path.is_relative_to(folder):
        raise UnusableInput(
            f"the CSR path {shown} leads out of the manifest's folder",
            remedy="put the CSR beside the manifest or below it",
        )
    return path


def _read_plain_file(path: Path, shown: str) -> bytes:
    # opening a pipe would wait for its writer
    if not stat.S_ISREG(path.stat().st_mode):
        raise UnusableInput(f"the CSR path {shown} is no file")
    with path.open("rb") as stream:
        return stream.read(limits.CSR_MAX_BYTES + 1)
