"""Loose CSRs become a manifest: each device has the name that its CSR gives it."""

import json
from pathlib import Path
from typing import Final

from birthcert.errors import UnusableInput
from birthcert.files import write_atomically
from birthcert.inbox.submission import is_loose_csr
from birthcert.limits import CSR_MAX_BYTES
from birthcert.pki.csr import read_csr

NAME: Final = "manifest.jsonl"


def write_manifest(folder: Path) -> Path:
    """Write `manifest.jsonl` for the CSRs in a folder, in the order of their names.

    A CSR that cannot be read gets its file's name as device id: its row is refused with the
    reason when the manifest is checked. Raises UnwritableOutput.
    """
    csrs = sorted(path for path in folder.iterdir() if is_loose_csr(path.name))
    lines = [json.dumps({"device_id": _device_id(path), "csr_path": path.name}) for path in csrs]
    manifest = folder / NAME
    write_atomically(manifest, "".join(f"{line}\n" for line in lines).encode())
    return manifest


def _device_id(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return read_csr(stream.read(CSR_MAX_BYTES + 1)).common_name or path.stem
    except (UnusableInput, OSError):
        return path.stem
