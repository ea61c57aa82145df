"""The same manifest again, all of it certified: how long a run takes that has nothing to do.

    python benchmarks/again.py [--devices 20000] [--profile]

The first run certifies the devices with the stand-in for AWS (engine.py), the second one is
measured: its seconds, what that is for a million rows, its peak memory and its calls to AWS, of
which there must be none. For the size of the table: --devices 1000000.
"""

import argparse
import cProfile
import json
import pstats
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fleet
from engine import run
from stand_in import StandIn


def again(size: int, folder: Path, *, profile: bool) -> None:
    """The second run, in a process of its own."""
    stand_in = StandIn(fleet.certificates())
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    began, processor = time.perf_counter(), time.process_time()
    done = run(fleet.manifest(size), folder, stand_in=stand_in)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    profiler.disable()
    assert done.counts["existing"] == size, done.counts
    assert not stand_in.calls, stand_in.calls
    print(
        json.dumps(
            {
                "devices": size,
                "seconds": round(seconds, 1),
                "processor_seconds": round(processor, 1),
                "seconds_for_a_million": round(seconds / size * 1e6, 1),
                "peak_mebibytes": done.peak_mebibytes,
                "calls": dict(stand_in.calls),
            }
        ),
        flush=True,
    )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    """Certify, then measure the second run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--second-run-in", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.second_run_in:
        again(options.devices, options.second_run_in, profile=options.profile)
        return
    manifest = fleet.manifest(options.devices)
    folder = Path(tempfile.mkdtemp(prefix="again-", dir=fleet.FOLDER))
    try:
        run(manifest, folder)
        command = [sys.executable, __file__, "--devices", str(options.devices)]
        command += ["--second-run-in", str(folder), *(["--profile"] if options.profile else [])]
        subprocess.run(command, check=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
