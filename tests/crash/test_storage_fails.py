"""The ledger or the output cannot be written: a clear error, nothing lost, and the next run ends.

Disks of a size of their own are tmpfs mounts, which need root.
"""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from crash_books import assert_certified, sold_to
from crash_lab import CsrStore, Desk, Fleet


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a small disk at a folder, or with `again` change the size or mode of a mounted one."""
    mounted: list[Path] = []

    def mount(folder: Path, options: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        again = "remount," if folder in mounted else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("NO RIGHT TO MOUNT HERE: full and read-only disks are not tested")
        if not again:
            mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def fleet(ready_desk: Desk, csrs: CsrStore, request: pytest.FixtureRequest) -> Fleet:
    """Forty devices with names of their own."""
    name = "".join(each if each.isalnum() else "-" for each in request.node.name.lower())
    return csrs.fleet(ready_desk.folder, name.removeprefix("test-")[:50])


@pytest.mark.usefixtures("at_once")
def test_output_disk_that_fills_up(
    ready_desk: Desk, fleet: Fleet, disk: Callable[..., Path]
) -> None:
    """What did not fit is written by the next run, without buying anything again."""
    disk(fleet.out, "size=160k")
    failed = ready_desk.issue(fleet)
    assert "No space left on device; make room" in failed.error
    disk(fleet.out, "size=16m")
    assert_certified(ready_desk, fleet, ready_desk.issue(fleet))


@pytest.mark.usefixtures("at_once")
def test_output_disk_that_is_read_only(
    ready_desk: Desk, fleet: Fleet, disk: Callable[..., Path]
) -> None:
    """Nothing is bought where the certificates could not be put."""
    disk(fleet.out, "ro")
    failed = ready_desk.issue(fleet)
    assert "nothing was touched" in failed.error
    assert not sold_to(ready_desk.url, fleet)
    disk(fleet.out, "rw")
    assert_certified(ready_desk, fleet, ready_desk.issue(fleet))


@pytest.mark.parametrize("free_bytes", [0, 20_000, 80_000, 120_000])
@pytest.mark.usefixtures("at_once")
def test_ledger_disk_that_fills_up(
    ready_desk: Desk, fleet: Fleet, disk: Callable[..., Path], tmp_path: Path, free_bytes: int
) -> None:
    """Where an intent cannot be written nothing is bought; what was bought is found again."""
    desk = replace(ready_desk, state=disk(tmp_path / "state", "size=2m"))
    desk.ledger().close()
    filler = fill(tmp_path / "state" / "filler", free_bytes)
    failed = desk.issue(fleet)
    assert "LedgerUnavailable" in failed.error
    assert "run again" in failed.error
    filler.unlink()
    assert_certified(desk, fleet, desk.issue(fleet))


@pytest.mark.usefixtures("at_once")
def test_ledger_disk_that_is_read_only(
    ready_desk: Desk, fleet: Fleet, disk: Callable[..., Path], tmp_path: Path
) -> None:
    """The error says so, and nothing was bought."""
    desk = replace(ready_desk, state=disk(tmp_path / "state", "size=2m"))
    desk.ledger().close()
    disk(tmp_path / "state", "ro")
    failed = desk.issue(fleet)
    assert "LedgerUnavailable" in failed.error
    assert not sold_to(desk.url, fleet)
    disk(tmp_path / "state", "rw")
    assert_certified(desk, fleet, desk.issue(fleet))


@pytest.mark.usefixtures("at_once")
def test_ledger_that_another_process_locks(ready_desk: Desk, fleet: Fleet, tmp_path: Path) -> None:
    """A lock that is never given back ends in an error, before anything is bought."""
    desk = replace(ready_desk, state=tmp_path / "state")
    with desk.ledger() as ledger, closing(sqlite3.connect(ledger.name)) as other:
        other.execute("BEGIN IMMEDIATE")
        failed = desk.issue(fleet, busy_timeout_milliseconds=200)
    assert "is locked by another process; close what holds it" in failed.error
    assert not sold_to(desk.url, fleet)
    assert_certified(desk, fleet, desk.issue(fleet))


def fill(path: Path, free_bytes: int) -> Path:
    """A file that leaves so much of its disk free."""
    room = os.statvfs(path.parent)
    path.write_bytes(bytes(room.f_bavail * room.f_frsize - free_bytes))
    return path
