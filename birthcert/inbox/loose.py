"""Loose CSRs become a manifest: each device has the name that its CSR gives it."""

import json
from pathlib import PurePosixPath
from typing import Final

from birthcert.errors import UnusableInput
from birthcert.inbox.submission import is_loose_csr
from birthcert.limits import CSR_MAX_BYTES
from birthcert.pki.csr import read_csr
from birthcert.storage.folder import Folder

NAME: Final = "manifest.jsonl"


def write_manifest(folder: Folder) -> str:
    """Write `manifest.jsonl` for the CSRs in a folder, in the order of their names.

    A CSR that cannot be read gets its file's name as device id: its row is refused with the
    reason when the manifest is checked. Raises UnwritableOutput.
    """
    csrs = sorted(filter(is_loose_csr, folder.files()))
    lines = [json.dumps({"device_id": _device_id(folder, name), "csr_path": name}) for name in csrs]
    folder.write(NAME, "".join(f"{line}\n" for line in lines).encode())
    return NAME


def _device_id(folder: Folder, name: str) -> str:
    plain = PurePosixPath(name).stem
    try:
        return read_csr(folder.read(name, CSR_MAX_BYTES + 1)).common_name or plain
    except (UnusableInput, OSError):
        return plain
