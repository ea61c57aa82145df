"""A batch killed with SIGKILL at its half and gone on with: how much of the work is done twice.

    python benchmarks/killed_half.py [--devices 10000]

AWS is the stand-in (stand_in.py), whose calls are counted in a file that outlives the killed
process. Prints the calls of both runs together, what of them was repeated as a part of all the
work (a request and a fetch for each device), and the devices that the second run found done.
For the size of the table: --devices 100000.
"""

import argparse
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import fleet
from engine import run
from stand_in import StandIn

ACTIONS = ("IssueCertificate", "GetCertificate")
_WIDTH = 8


class Counting(StandIn):
    """Counts in a file; kills its process at the call of IssueCertificate with a number."""

    def __init__(self, certificates: Path, counts: Path, *, die_at: int = 0) -> None:
        super().__init__(certificates)
        with counts.open("r+b") as stream:
            self._counts = mmap.mmap(stream.fileno(), 0)
        self._die_at = die_at

    def _count(self, action: str) -> None:
        at = ACTIONS.index(action) * _WIDTH
        with self._lock:
            count = int.from_bytes(self._counts[at : at + _WIDTH], "big") + 1
            self._counts[at : at + _WIDTH] = count.to_bytes(_WIDTH, "big")
            if action == ACTIONS[0] and count == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def counted(counts: Path) -> dict[str, int]:
    """The calls so far."""
    data = counts.read_bytes()
    return {
        action: int.from_bytes(data[number * _WIDTH : (number + 1) * _WIDTH], "big")
        for number, action in enumerate(ACTIONS)
    }


def one_run(size: int, folder: Path, die_at: int) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own."""
    command = [sys.executable, __file__, "--devices", str(size), "--in", str(folder)]
    return subprocess.run(
        [*command, "--die-at", str(die_at)], stdout=subprocess.PIPE, text=True, check=False
    )


def measured(size: int, folder: Path) -> dict[str, Any]:
    """Killed, gone on with, added up."""
    manifest, counts = fleet.manifest(size), folder / "counts"
    counts.write_bytes(bytes(len(ACTIONS) * _WIDTH))
    assert manifest.exists()
    killed = one_run(size, folder, size // 2)
    assert killed.returncode == -signal.SIGKILL, killed
    at_death = counted(counts)
    second = one_run(size, folder, 0)
    assert second.returncode == 0, second
    calls = counted(counts)
    repeated = sum(calls.values()) - len(ACTIONS) * size
    return {
        "devices": size,
        "calls_at_death": at_death,
        "calls": calls,
        "repeated_calls": repeated,
        "repeated_percent": round(100 * repeated / (len(ACTIONS) * size), 2),
        "second_run": json.loads(second.stdout),
    }


def main() -> None:
    """Measure, or be one of the two runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--die-at", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        counts = options.folder / "counts"
        stand_in = Counting(fleet.certificates(), counts, die_at=options.die_at)
        done = run(fleet.manifest(options.devices), options.folder, stand_in=stand_in)
        print(json.dumps(done.counts))
        return
    folder = Path(tempfile.mkdtemp(prefix="killed-", dir=fleet.FOLDER))
    try:
        print(json.dumps(measured(options.devices, folder), indent=2))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
