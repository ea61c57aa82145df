"""`birthcert down`: what `up` started is ended, and nothing else; data and secrets stay."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from birthcert import console
from birthcert.errors import BirthcertError
from birthcert.installation.facts import Home, Installation, find_home
from birthcert.installation.parts import NAMES, WORKERS, end_signal
from birthcert.installation.processes import ended, marked, running

PATIENCE_SECONDS: Final = 20.0


class NotEnded(BirthcertError):
    """A process did not end even when it was killed."""


def take_down(folder: Path) -> list[str]:
    """End an installation's processes; the parts that ran. The next `up` goes on with its runs.

    Workers first and their runs, while the server still notes how these end; the database last.
    NotEnded where a process cannot be killed.
    """
    home = find_home(folder)
    if not home.folder.is_dir():
        return []
    with home.locked():
        installation = home.read()
        if installation is None:
            return []
        ran = [name for name in NAMES if running(home.record(name))]
        _end(home, [name for name in WORKERS if name in ran])
        _end_runs(home, installation)
        for name in reversed(NAMES):
            _end(home, [name])
        return ran


def _end(home: Home, names: list[str]) -> None:
    """Ask the parts to end, all at once, and kill those that do not."""

    def find() -> list[int]:
        return [pid for name in names if (pid := running(home.record(name)))]

    if not find():
        return
    console.err.print(f"ending {', '.join(names)} ...")
    number = end_signal(names[0])
    if not ended(find, number, patience_seconds=PATIENCE_SECONDS):
        _kill(find)
    for name in names:
        home.record(name).unlink(missing_ok=True)


def _end_runs(home: Home, installation: Installation) -> None:
    """Flow runs outlive their workers: they hear SIGTERM, tell the server, and end."""

    def find() -> list[int]:
        parts = {running(home.record(name)) for name in NAMES}
        return [pid for pid in marked(installation.id) if pid not in parts]

    if not ended(find, signal.SIGTERM, patience_seconds=PATIENCE_SECONDS):
        _kill(find)


def _kill(find: Callable[[], list[int]]) -> None:
    if not ended(find, signal.SIGKILL, patience_seconds=PATIENCE_SECONDS):
        raise NotEnded(f"processes {find()} cannot be killed", remedy="look at them with ps")
