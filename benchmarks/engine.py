"""The engine alone: devices a second through manifest, ledger and bundle, and its memory.

    python benchmarks/engine.py [--devices 10000 50000] [--profile]

AWS is a stand-in in this process that answers at once (stand_in.py), pacing is off and Prefect
is left out. Each size runs in a process of its own and prints a line of JSON: devices a second,
microseconds a device, processor seconds of the process and of its helpers, and the peak memory
of each. For the whole table: --devices 10000 100000 1000000. To make a million devices takes
minutes, the first time.
"""

import argparse
import cProfile
import json
import os
import pstats
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fleet
from stand_in import AUTHORITY_ARN, StandIn

from birthcert.aws.access import AwsAccess
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.issuance.batch import Batch, checked_rows
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.engine import all_found, issue_chunk
from birthcert.issuance.helper import PROCESSES, Helper
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.layout import laid_out
from birthcert.issuance.output import prepare_output
from birthcert.issuance.pipeline import CHUNKS_IN_FLIGHT, Pipeline
from birthcert.issuance.reading import reader_for
from birthcert.ledger.ledger import Ledger
from birthcert.models import IssueRequest, IssuingAuthority, Place

PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
AUTHORITY = IssuingAuthority(
    arn=AUTHORITY_ARN,
    status="ACTIVE",
    key_algorithm="EC_prime256v1",
    signing_algorithm="SHA256WITHECDSA",
    certificate_pem=fleet.authority_pem(),
    not_after="2049-01-01T00:00:00+00:00",
)


@dataclass
class Run:
    """What a run did, and how long it took."""

    counts: dict[str, int]
    calls: dict[str, int]
    seconds: float
    # of this process and of its helpers
    peak_mebibytes: tuple[int, ...]


def run(manifest: Path, folder: Path, *, threads: int = 16, stand_in: StandIn | None = None) -> Run:
    """One batch, as the flow does it, with state and output below the folder."""
    aws = stand_in or StandIn(fleet.certificates())
    request = IssueRequest(
        tenant="acme", manifest=str(manifest), out=str(folder / "out"), layout="bundle"
    )
    issuer = PrivateCaIssuer(
        AwsAccess(PLACE.region, session=aws),  # type: ignore[arg-type]
        AUTHORITY,
        PLACE.partition,
    )
    began, stop = time.perf_counter(), threading.Event()
    with (
        Ledger.open(None, folder / "state") as ledger,
        Helper() as helper,
        Crew(threads) as crew,
        ThreadPoolExecutor(CHUNKS_IN_FLIGHT) as pool,
    ):
        out = laid_out(request, prepare_output(request.out), helper)
        read = reader_for(request, PLACE, AUTHORITY.arn, ledger, out.helper)
        rows = checked_rows(request, None, read=read)
        with Batch(request, PLACE, AUTHORITY, ledger=ledger, out=out) as batch:

            def start(number: int, devices: list[Device]) -> "Future[list[DeviceOutcome]]":
                return pool.submit(
                    issue_chunk,
                    devices,
                    authority=issuer,
                    ledger=ledger,
                    batch_id=batch.id,
                    options=IssueOptions(),
                    outlet=out.outlet(number),
                    crew=crew,
                    stop=stop,
                )

            def look(number: int, devices: list[Device]) -> list[DeviceOutcome] | None:
                return all_found(number, devices, out)

            pipeline = Pipeline(out.chunk_size(request.chunk_size), start, look)
            with closing(pipeline.outcomes(rows)) as outcomes:
                batch.record(outcomes)
        peaks = tuple(map(_peak_mebibytes, ["self", *_pids(helper)]))
    return Run(batch.counts, dict(aws.calls), time.perf_counter() - began, peaks)


def _pids(helper: Helper) -> list[int]:
    """Of its processes: those that are idle are asked in turn."""
    return [helper.call(os.getpid) for _ in range(PROCESSES)]


def _peak_mebibytes(process: int | str) -> int:
    """The most memory that a process has had in RAM."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def measured(size: int) -> dict[str, Any]:
    """One size."""
    manifest = fleet.manifest(size)
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir=fleet.FOLDER))
    try:
        done = run(manifest, folder)
    finally:
        shutil.rmtree(folder)
    assert done.counts["issued"] == size, done.counts
    return {
        "devices": size,
        "seconds": round(done.seconds, 1),
        "devices_per_second": round(size / done.seconds),
        "microseconds_per_device": round(done.seconds / size * 1e6),
        "processor_seconds": [round(sum(os.times()[at : at + 2]), 1) for at in (0, 2)],
        "peak_mebibytes": done.peak_mebibytes,
        "calls": done.calls,
    }


def profiled(size: int) -> None:
    """Where this process's time goes, thread by thread added up."""
    profiles: list[cProfile.Profile] = []

    def profile_thread(*_arguments: object) -> None:
        profile = cProfile.Profile()
        profiles.append(profile)
        profile.enable()

    threading.setprofile(profile_thread)
    profile_thread()
    print(json.dumps(measured(size)))
    for profile in profiles:
        profile.disable()
    pstats.Stats(*profiles).sort_stats("tottime").print_stats(40)


def main() -> None:
    """Measure each size in a fresh process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if len(options.devices) > 1:
        fleet.manifest(max(options.devices))
        for size in options.devices:
            subprocess.run([sys.executable, __file__, "--devices", str(size)], check=True)
    elif options.profile:
        profiled(options.devices[0])
    else:
        print(json.dumps(measured(options.devices[0])), flush=True)


if __name__ == "__main__":
    main()
