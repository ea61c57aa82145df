"""Which layout a batch's output has: a folder a device, or a bundle of parts."""

import json
from itertools import islice
from typing import Final

from birthcert.errors import ConfigurationError
from birthcert.issuance.bundle import Bundle
from birthcert.issuance.helper import Helper
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.output import OutputFolder
from birthcert.models import IssueRequest
from birthcert.storage.folder import Folder
from birthcert.storage.stores import LOCAL, Storage, absolute

MARKER: Final = "bundle.json"
MARKER_MAX_BYTES: Final = 65_536
# `auto` makes a bundle for more devices than this: two files each are then too many for a folder
FILES_MOST: Final = 10_000


def laid_out(
    request: IssueRequest, out: OutputFolder, helper: Helper, *, storage: Storage = LOCAL
) -> OutputFolder:
    """The output in the layout that the request asks for, or that the folder has already.

    A bundle is its manifest's image: the folder is marked as that manifest's, and its parts keep
    the size of their chunks. Raises ConfigurationError for a folder that is another manifest's.
    """
    marker = _marker(out.folder)
    if request.layout == "files" or (
        request.layout == "auto" and marker is None and not _is_large(request, storage)
    ):
        return out
    manifest = absolute(request.manifest)
    if marker is None:
        marker = {"manifest": manifest, "chunk_size": request.chunk_size}
        out.folder.write(MARKER, json.dumps(marker).encode())
    if marker["manifest"] != manifest:
        raise ConfigurationError(
            f"the folder {out.address} holds the bundle of another manifest, {marker['manifest']}",
            remedy="nothing was touched: name another output folder",
        )
    size = int(str(marker["chunk_size"]))
    return Bundle(out.folder, out.shard, size=size, helper=helper)


def bundle_at(folder: Folder) -> Bundle | None:
    """The bundle that a folder holds, to be looked into."""
    marker = _marker(folder)
    if marker is None:
        return None
    return Bundle(folder, size=int(str(marker["chunk_size"])), helper=Helper())


def _is_large(request: IssueRequest, storage: Storage) -> bool:
    rows = read_manifest(
        request.manifest, csr_required=request.generate_keys is None, storage=storage
    )
    return sum(1 for _ in islice(rows, FILES_MOST + 1)) > FILES_MOST


def _marker(folder: Folder) -> dict[str, object] | None:
    try:
        marker: dict[str, object] = json.loads(folder.read(MARKER, MARKER_MAX_BYTES))
        return {"manifest": marker["manifest"], "chunk_size": marker["chunk_size"]}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{folder.address(MARKER)} cannot be read: {error}",
            remedy="nothing was touched: name another output folder, or remove the file",
        ) from error
