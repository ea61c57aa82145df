"""How much of a quota is used that worker processes share, and how often AWS throttles them.

    python benchmarks/quota.py [--devices 1000] [--processes 1 2 4] [--rate 25]
                               [--burst-seconds 1] [--believe 40] [--ledger-url postgresql://...]

A sandbox in a process of its own enforces the quota of IssueCertificate with a token bucket that
stores `burst-seconds` of it, and throttles what is beyond. The workers are processes that share
nothing but the ledger: each certifies its part of the devices with the engine, writes the files
and keeps its books. Prints one JSON document, a case for each number of processes:

- use: of the ceiling, from the first call to the last, over all processes; and end to end, from
  the gate that all start at to the last certificate's files
- throttled: throttled tries of IssueCertificate and GetCertificate as a part of all
- shares: of IssueCertificate for each process, until the first one was done
- burst: the most calls of IssueCertificate that started in one second

With `--believe` the workers take that for the quota, as when somebody else uses the rest of it.
5,000 devices at 25 a second take 200 s a case.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fleet

from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import (
    ensure_certificate_authority,
    install_root_certificate,
    issuing_authority,
)
from birthcert.aws.caller import check_caller
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.aws.service_quotas import quota_per_second
from birthcert.issuance.batch import checked_rows, chunks
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device
from birthcert.issuance.engine import issue_chunk
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.output import prepare_output
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.quotas import Asked
from birthcert.models import BootstrapRequest, IssueRequest
from birthcert.pacing import Pacer
from birthcert.servers import sandbox_server

TENANT = "benchmark"
REGION = "eu-west-1"
CHUNKS_IN_FLIGHT = 2  # as the flow has it
ISSUE, GET = "IssueCertificate", "GetCertificate"
spawn = multiprocessing.get_context("spawn")
# (action, outcome, when the call ended, seconds it took)
Try = tuple[str, str, float, float]


@dataclass(frozen=True)
class Work:
    """What a worker is told: its part is every `of`th device, from `number` on."""

    number: int
    of: int
    manifest: str
    folder: str
    ledger_url: str | None
    believe: float | None


@dataclass(frozen=True)
class Did:
    """What a worker did, by the clock that all processes of a machine share."""

    certified: int
    began: float
    ended: float
    tries: list[Try]


def work(task: Work, gate: Any, done: Any) -> None:
    """One worker: stands ready, starts with the others, tells what it did."""
    tries: list[Try] = []

    def observe(_service: str, action: str, outcome: str, seconds: float) -> None:
        tries.append((action, outcome, time.monotonic(), seconds))

    folder = Path(task.folder)
    request = IssueRequest(
        tenant=TENANT, manifest=task.manifest, out=str(folder / f"out-{task.number}")
    )
    aws = AwsAccess(REGION, observe=observe)
    place = check_caller(aws, request).place
    authority = issuing_authority(aws, request, place)
    rows = itertools.islice(checked_rows(request), task.number, None, task.of)
    devices = [row for row in rows if isinstance(row, Device)]
    out = prepare_output(request.out)
    with Ledger.open(task.ledger_url, folder / "state") as ledger, Crew(request.threads) as crew:
        aws.pacer = Pacer(
            place,
            ledger.quota_book,
            limit_of=partial(quota_per_second, aws),
            asked=Asked(rate_per_second=task.believe),
        )
        batch_id = ledger.begin_batch(TENANT, place, authority.arn)

        def certify(number: int, chunk: list[Device]) -> int:
            outcomes = issue_chunk(
                chunk,
                authority=PrivateCaIssuer(aws, authority, place.partition),
                ledger=ledger,
                batch_id=batch_id,
                options=IssueOptions(),
                outlet=out.outlet(number),
                crew=crew,
                stop=threading.Event(),
            )
            return sum(each.outcome == "issued" for each in outcomes)

        gate.wait()
        began = time.monotonic()
        with ThreadPoolExecutor(CHUNKS_IN_FLIGHT) as pool:
            parts = [*chunks(devices, request.chunk_size)]
            certified = sum(pool.map(certify, range(len(parts)), parts))
        done.put(Did(certified, began, time.monotonic(), tries))


def case(arguments: argparse.Namespace, processes: int, url: str) -> dict[str, object]:
    """One number of processes: a CA, a ledger and an output folder of its own."""
    with tempfile.TemporaryDirectory(prefix="birthcert-quota-") as folder:
        manifest = str(fleet.manifest(arguments.devices))
        wishes = (arguments.ledger_url, arguments.believe)
        gate, done = spawn.Barrier(processes), spawn.Queue()
        workers = [
            spawn.Process(
                target=work,
                args=(Work(n, processes, manifest, folder, *wishes), gate, done),
            )
            for n in range(processes)
        ]
        set_knobs(url, arguments)
        for worker in workers:
            worker.start()
        did: list[Did] = [done.get() for _ in workers]
        for worker in workers:
            worker.join()
    return {"processes": processes, **figures(did, arguments.rate)}


def figures(did: list[Did], rate: float) -> dict[str, object]:
    """The case's numbers from what its workers did."""
    issues = [[each for each in worker.tries if each[0] == ISSUE] for worker in did]
    bought = sorted(end for tries in issues for _, outcome, end, _ in tries if outcome == "ok")
    started = sorted(end - seconds for tries in issues for _, _, end, seconds in tries)
    first_done = min(tries[-1][2] for tries in issues)
    shares = [sum(each[1] == "ok" and each[2] <= first_done for each in tries) for tries in issues]
    seconds = max(worker.ended for worker in did) - min(worker.began for worker in did)
    every = [each for worker in did for each in worker.tries if each[0] in (ISSUE, GET)]
    gets = sum(each[0] == GET and each[1] != "throttled" for each in every)
    throttled = sum(each[1] == "throttled" for each in every)
    certified = sum(worker.certified for worker in did)
    return {
        "certified": certified,
        "seconds": round(seconds, 1),
        "use": round((len(bought) - 1) / rate / (bought[-1] - bought[0]), 4),
        "use_end_to_end": round(certified / rate / seconds, 4),
        "throttled": round(throttled / len(every), 4),
        "throttled_calls": throttled,
        "get_certificate_calls_per_certificate": round(gets / certified, 3),
        "shares": [round(share / sum(shares), 3) for share in shares],
        "burst": max_in_a_second(started),
    }


def max_in_a_second(moments: list[float]) -> int:
    """The most of the sorted moments that lie within one second."""
    most = end = 0
    for begin, moment in enumerate(moments):
        while end < len(moments) and moments[end] < moment + 1:
            end += 1
        most = max(most, end - begin)
    return most


def set_knobs(url: str, arguments: argparse.Namespace) -> None:
    """Let the sandbox enforce the quota, and issue as quickly as AWS does."""
    knobs = {
        "quotas_per_second": {f"acm-pca.{ISSUE}": arguments.rate},
        "quota_burst_seconds": arguments.burst_seconds,
    }
    urllib.request.urlopen(f"{url}/_sandbox/faults", data=json.dumps(knobs).encode()).close()


def bootstrap() -> None:
    """A root CA for the tenant; what AWS IoT would need is left out."""
    aws = AwsAccess(REGION)
    request = BootstrapRequest.model_validate(
        {"tenant": TENANT, "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
    )
    place = check_caller(aws, request).place
    authority = ensure_certificate_authority(aws, request, place)
    install_root_certificate(aws, authority, validity_days=3_650, place=place)


def main() -> None:
    """The cases one after another, then the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rate", type=float, default=25.0)
    parser.add_argument("--burst-seconds", type=float, default=1.0)
    parser.add_argument("--believe", type=float, default=None)
    parser.add_argument("--ledger-url", default=None)
    arguments = parser.parse_args()
    cases = []
    with (
        tempfile.TemporaryDirectory(prefix="birthcert-quota-") as folder,
        sandbox_server(Path(folder)) as ready,
    ):
        facts = ready()
        os.environ.update(facts["environment"])
        bootstrap()
        for processes in arguments.processes:
            cases.append(case(arguments, processes, facts["endpoint_url"]))
            print(json.dumps(cases[-1]), file=sys.stderr, flush=True)
    names = ("devices", "rate", "burst_seconds", "believe")
    asked = {name: getattr(arguments, name) for name in names}
    print(json.dumps({**asked, "cases": cases}, indent=2))


if __name__ == "__main__":
    main()
