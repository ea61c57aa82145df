"""`birthcert issue` against one Prefect task a device, the obvious design: time, rows and bytes.

    python benchmarks/against_tasks.py [--devices 500]

Each side runs against one sandbox with a Prefect server and a database of its own. The obvious
design is a flow that maps a task over the devices, which issues, fetches and writes two files.
Counted are the seconds of the devices' work, and what has come into Prefect's database when no
more rows arrive; and what both would be for a million devices.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fleet
from trial import Trial, trial

from birthcert.servers import prefect_server

MILLION = 1_000_000
CHUNK = 500
# a second batch in so many chunks tells what one of them adds
MANY = 10
# rows keep arriving after a run has ended
QUIET_SECONDS = 10.0
MAPPED = """
import json, os, sys, time, uuid
from pathlib import Path
import boto3
from botocore.config import Config
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner

client = boto3.client("acm-pca", config=Config(max_pool_connections=32))
authority, out = os.environ["AUTHORITY"], Path(os.environ["OUT"])

@task
def issue_one(row):
    answer = client.issue_certificate(
        CertificateAuthorityArn=authority, Csr=row["csr"].encode(),
        SigningAlgorithm="SHA256WITHECDSA", TemplateArn=os.environ["TEMPLATE"],
        Validity={"Type": "DAYS", "Value": 365}, IdempotencyToken=uuid.uuid4().hex)
    arn = answer["CertificateArn"]
    while True:
        try:
            got = client.get_certificate(CertificateAuthorityArn=authority, CertificateArn=arn)
            break
        except client.exceptions.RequestInProgressException:
            time.sleep(0.1)
    folder = out / row["device_id"]
    folder.mkdir(parents=True)
    (folder / "certificate.pem").write_text(got["Certificate"])
    (folder / "chain.pem").write_text(got["Certificate"] + got["CertificateChain"])
    return arn

@flow(task_runner=ThreadPoolTaskRunner(max_workers=32))
def issue_all(rows):
    began = time.perf_counter()
    futures = issue_one.map(rows)
    arns = [future.result() for future in futures]
    return len(arns), time.perf_counter() - began

rows = [json.loads(line) for line in open(os.environ["MANIFEST"])]
count, seconds = issue_all(rows)
print(json.dumps({"issued": count, "seconds": seconds}))
"""


def database_facts(home: Path) -> dict[str, int]:
    """Rows and bytes of Prefect's database."""
    with sqlite3.connect(home / "prefect.db", timeout=60) as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = sum(
            database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables
        )
        pages = database.execute("PRAGMA page_count").fetchone()[0]
        free = database.execute("PRAGMA freelist_count").fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    return {"rows": rows, "bytes": (pages - free) * size}


def settled(home: Path) -> dict[str, int]:
    """The same once no more rows arrive."""
    facts = database_facts(home)
    while True:
        time.sleep(QUIET_SECONDS)
        later = database_facts(home)
        if later["rows"] == facts["rows"]:
            return later
        facts = later


def side(trial: Trial, name: str, work: Any) -> dict[str, Any]:
    """One design with a server of its own: its seconds, and what its database grew by."""
    home = trial.folder / f"prefect-{name}"
    with prefect_server(home) as server:
        server.wait()
        before = settled(home)
        report = work({"PREFECT_HOME": str(home), "PREFECT_API_URL": server.api})
        after = settled(home)
    return {
        "seconds": round(report["seconds"], 1),
        "rows": after["rows"] - before["rows"],
        "bytes": after["bytes"] - before["bytes"],
    }


def mapped(trial: Trial, manifest: Path, prefect: dict[str, str]) -> dict[str, Any]:
    """A task a device."""
    environment = {
        **trial.environment,
        **prefect,
        "AUTHORITY": trial.authority_arn,
        "MANIFEST": str(manifest),
        "OUT": str(trial.folder / "mapped"),
        "TEMPLATE": "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1",
    }
    output = subprocess.run(
        [sys.executable, "-c", MAPPED], env=environment, stdout=subprocess.PIPE, check=True
    ).stdout
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


def ours(
    trial: Trial, manifest: Path, prefect: dict[str, str], *, out: str, chunk_size: int
) -> dict[str, Any]:
    """A task a chunk; each output has a ledger of its own, so that all is bought again."""
    prefect = {**prefect, "BIRTHCERT_STATE_FOLDER": str(trial.folder / f"state-{out}")}
    apart = Trial(
        trial.folder, {**trial.environment, **prefect}, trial.endpoint_url, trial.authority_arn
    )
    return apart.issue(manifest, out, "--threads", "32", "--chunk-size", str(chunk_size))


def by_chunks(few: dict[str, Any], many: dict[str, Any], chunks: int) -> dict[str, int]:
    """Rows and bytes for so many chunks, from a batch of one and one of MANY."""
    return {
        name: round(few[name] + (many[name] - few[name]) / (MANY - 1) * (chunks - 1))
        for name in ("rows", "bytes")
    }


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=500)
    size = parser.parse_args().devices
    os.environ.pop("PREFECT_API_URL", None)
    manifest = fleet.manifest(size)
    with trial() as ready:
        tasks = side(ready, "tasks", lambda prefect: mapped(ready, manifest, prefect))
        batch, many = (
            side(
                ready,
                f"batch-{chunks}",
                lambda prefect, chunks=chunks: ours(
                    ready, manifest, prefect, out=f"out-{chunks}", chunk_size=-(-size // chunks)
                ),
            )
            for chunks in (1, MANY)
        )
    measured = {
        "devices": size,
        "a_task_a_device": tasks,
        "birthcert": batch,
        "fewer_rows": round(tasks["rows"] / batch["rows"], 1),
        "fewer_bytes": round(tasks["bytes"] / max(batch["bytes"], 1), 1),
        "for_a_million": {
            "a_task_a_device": {
                name: round(tasks[name] * MILLION / size) for name in ("rows", "bytes")
            },
            "birthcert": by_chunks(batch, many, MILLION // CHUNK),
        },
    }
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
