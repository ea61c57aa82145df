"""A row's CSR as bytes: inline, or a file that must not lead out of the manifest's folder."""

from birthcert import limits
from birthcert.errors import UnusableInput
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.storage.folder import Folder


def csr_bytes(row: ManifestRow, folder: Folder) -> bytes:
    """The CSR of a row, unread, at most one byte more than AWS takes.

    `folder` is the manifest's own. UnusableInput for a row without a CSR, and for a path that is
    absolute, leaves the folder (by `..` or by a symbolic link), is missing or is no plain file: a
    manifest that came from elsewhere must not read this machine's files, nor another's objects.
    """
    if row.csr_pem:
        return row.csr_pem.encode()
    if not row.csr_path:
        raise UnusableInput("the row has no CSR", remedy="name its file or give its PEM")
    shown = repr(row.csr_path[:200])
    name = _inside(row.csr_path, folder, shown)
    try:
        return folder.read(name, limits.CSR_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UnusableInput(f"there is no CSR file {shown}") from error
    except OSError as error:
        raise UnusableInput(
            f"the CSR file {shown} cannot be read: {error.strerror or error}"
        ) from error


def _inside(name: str, folder: Folder, shown: str) -> str:
    if name.startswith("/"):
        raise UnusableInput(
            f"the CSR path {shown} is absolute", remedy="give it relative to the manifest"
        )
    if "\0" in name:
        raise UnusableInput("the CSR path has a NUL byte in it")
    found = folder.inside(name)
    if found is None:
        raise UnusableInput(
            f"the CSR path {shown} leads out of the manifest's folder",
            remedy="put the CSR beside the manifest or below it",
        )
    return found
