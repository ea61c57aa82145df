"""Which layout a batch's output has: a folder a device, or a bundle of parts."""

from itertools import islice
from typing import Annotated, Final

from pydantic import Field, ValidationError

from birthcert.errors import ConfigurationError
from birthcert.issuance.bundle import Bundle
from birthcert.issuance.helper import Helper
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.output import OutputFolder
from birthcert.models import Facts, IssueRequest
from birthcert.storage.folder import Folder
from birthcert.storage.stores import LOCAL, Storage, absolute

MARKER: Final = "bundle.json"
MARKER_MAX_BYTES: Final = 65_536
# `auto` makes a bundle for more devices than this: two files each are then too many for a folder
FILES_MOST: Final = 10_000


class _Marker(Facts):
    """Whose image the bundle in a folder is."""

    manifest: str
    chunk_size: Annotated[int, Field(ge=1, le=1_000)]


def laid_out(
    request: IssueRequest, out: OutputFolder, helper: Helper, *, storage: Storage = LOCAL
) -> OutputFolder:
    """The output in the layout that the request asks for, or that the folder has already.

    A bundle is its manifest's image: the folder is marked as that manifest's, and its parts keep
    the size of their chunks. Raises ConfigurationError for a folder that is another manifest's.
    """
    marker = _marker(out.folder)
    if request.layout == "files" or (
        request.layout == "auto" and marker is None and not is_large(request, storage)
    ):
        return out
    manifest = absolute(request.manifest)
    if marker is None:
        marker = _Marker(manifest=manifest, chunk_size=request.chunk_size)
        out.folder.write(MARKER, marker.model_dump_json().encode())
    if marker.manifest != manifest:
        raise ConfigurationError(
            f"the folder {out.address} holds the bundle of another manifest, {marker.manifest}",
            remedy="nothing was touched: name another output folder",
        )
    return Bundle(out.folder, out.shard, size=marker.chunk_size, helper=helper)


def bundle_at(folder: Folder) -> Bundle | None:
    """The bundle that a folder holds, to be looked into."""
    marker = _marker(folder)
    if marker is None:
        return None
    return Bundle(folder, size=marker.chunk_size, helper=Helper())


def is_large(request: IssueRequest, storage: Storage) -> bool:
    """Whether a batch has so many devices that it is worth helpers and a bundle."""
    rows = read_manifest(
        request.manifest, csr_required=request.generate_keys is None, storage=storage
    )
    return sum(1 for _ in islice(rows, FILES_MOST + 1)) > FILES_MOST


def _marker(folder: Folder) -> _Marker | None:
    try:
        return _Marker.model_validate_json(folder.read(MARKER, MARKER_MAX_BYTES))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigurationError(
            f"{folder.address(MARKER)} is damaged: {problem['msg']}",
            remedy="nothing was touched: name another output folder, or remove the file",
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{folder.address(MARKER)} cannot be read: {error}",
            remedy="nothing was touched: name another output folder, or remove the file",
        ) from error
