"""Processes known by more than their number, which another process may have by now. Linux only."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypedDict

from birthcert.ledger.liveness import process_space

PROC: Final = Path("/proc")
# every process of an installation, and whatever it starts, has this in its environment
MARK: Final = "BIRTHCERT_INSTALLATION"
LOOK_SECONDS: Final = 0.1


class Identity(TypedDict):
    """One process among all that ever had its number: `space` is the boot, `ticks` its start."""

    pid: int
    space: str
    ticks: int


def this_process() -> Identity:
    """Who this process is; it stays so over an exec."""
    pid = os.getpid()
    return Identity(pid=pid, space=process_space(), ticks=_start_ticks(pid) or 0)


def running(record: Path) -> int | None:
    """The pid of the process that a record names, where it runs; None where it has ended.

    A record of another boot, an unreadable one, and a number that a stranger has now: None.
    """
    try:
        known: Identity = json.loads(record.read_bytes())
        pid, space, ticks = int(known["pid"]), known["space"], known["ticks"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if space != process_space() or _start_ticks(pid) != ticks:
        return None
    return pid


def marked(installation: str) -> list[int]:
    """The processes that have the installation's mark; those whose environment is closed, not."""
    wanted = f"{MARK}={installation}".encode()
    return [pid for pid in _pids() if wanted in _environment(pid)]


def ended(
    find: Callable[[], list[int]], number: signal.Signals, *, patience_seconds: float
) -> bool:
    """Whether what `find` gives has ended, in time, after one signal to each."""
    told: set[int] = set()
    end = time.monotonic() + patience_seconds
    while found := find():
        for pid in set(found) - told:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            told.add(pid)
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _pids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and _start_ticks(int(entry.name)) is not None:
            yield int(entry.name)


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _start_ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since the boot; None where it has ended."""
    try:
        status = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # the name in front may hold spaces and brackets
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
