"""Files are there whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from birthcert.files import UnwritableOutput, make_folder, replacing, write_atomically, write_new


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_written_over(tmp_path):
    """The bytes are all there, the mode is as asked for, and nothing lies beside it."""
    path = tmp_path / "file"
    write_atomically(path, b"one", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == ["file"]


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    """Neither half a file nor a temporary one stays."""
    path = tmp_path / "file"
    write_atomically(path, b"before")

    def interrupted():
        with replacing(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["file"]


def test_a_new_file_never_takes_the_place_of_another(tmp_path):
    """The first writer wins, and the second is told."""
    path = tmp_path / "file"
    assert write_new(path, b"first")
    assert not write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("write", [write_atomically, write_new])
def test_what_cannot_be_written_is_an_error_with_the_path(tmp_path, write):
    """The folder is gone: the error says so and how to go on."""
    with pytest.raises(UnwritableOutput, match="gone/file could not be written: No such file"):
        write(tmp_path / "gone/file", b"x")


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    """What the disk has no room for is not there at all."""

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnwritableOutput, match="No space left on device; make room"):
        write_atomically(tmp_path / "file", b"x")
    assert names(tmp_path) == []


def test_a_folder_is_made_once(tmp_path):
    """Parents come with it, and a second time is no error; a file in its place is one."""
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableOutput):
        make_folder(tmp_path / "file")
