"""Which layout a batch's output has."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import ConfigurationError
from birthcert.issuance import layout
from birthcert.issuance.bundle import Bundle
from birthcert.issuance.helper import Helper
from birthcert.issuance.layout import MARKER, bundle_at, laid_out
from birthcert.issuance.output import OutputFolder, prepare_output
from birthcert.models import IssueRequest
from birthcert.storage.local import LocalFolder

Lay = Callable[..., OutputFolder]


@pytest.fixture
def lay(tmp_path: Path, manifest: Callable[..., str]) -> Lay:
    """Lay out a folder for a manifest of three devices."""
    path = manifest(["device_id,csr", "a,a.csr", "b,b.csr", "c,c.csr"])

    def lay_out(**facts: Any) -> OutputFolder:
        asked = IssueRequest(
            tenant="acme", out=str(tmp_path / "out"), **{"manifest": path, **facts}
        )
        return laid_out(asked, prepare_output(asked.out), Helper())

    return lay_out


def test_large_batches_are_bundled_by_themselves(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` counts the manifest's devices; a folder that holds a bundle goes on with it."""
    monkeypatch.setattr(layout, "FILES_MOST", 3)
    assert not isinstance(lay(), Bundle)
    monkeypatch.setattr(layout, "FILES_MOST", 2)
    assert isinstance(lay(chunk_size=7), Bundle)
    monkeypatch.setattr(layout, "FILES_MOST", 3)
    again = lay(chunk_size=9)
    assert isinstance(again, Bundle)
    assert again.chunk_size(9) == 7
    assert not isinstance(lay(layout="files"), Bundle)


def test_shards_of_a_bundle_are_whole_chunks(lay: Lay) -> None:
    """A part never belongs to two shards."""
    assert lay(layout="bundle", chunk_size=7).shard_size(15) == 21
    assert lay(layout="files").shard_size(15) == 15


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut short"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"manifest": "m"}', id="no size"),
        pytest.param(b'{"manifest": "m", "chunk_size": 0}', id="no devices"),
        pytest.param(b'{"manifest": "m", "chunk_size": "x"}', id="no number"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_damaged_marker_is_named(lay: Lay, tmp_path: Path, content: bytes) -> None:
    """A marker that cannot be read stops the batch before anything is touched."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MARKER).write_bytes(content)
    for asked in ("auto", "bundle"):
        with pytest.raises(ConfigurationError, match=r"bundle\.json is damaged"):
            lay(layout=asked)


def test_marker_names_manifest_and_size(lay: Lay, tmp_path: Path) -> None:
    """Whoever looks into the folder later finds whose bundle it is."""
    lay(layout="bundle", chunk_size=7)
    marker = json.loads((tmp_path / "out" / MARKER).read_bytes())
    assert marker == {"manifest": str(tmp_path / "manifest.csv"), "chunk_size": 7}
    found = bundle_at(LocalFolder(tmp_path / "out"))
    assert found is not None
    assert found.size == 7
    assert bundle_at(LocalFolder(tmp_path / "elsewhere")) is None
