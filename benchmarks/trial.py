"""A sandbox with a bootstrapped tenant, for benchmarks against it; a plain client beside it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from birthcert.servers import sandbox_server

TENANT = "benchmark"
REGION = "eu-west-1"
TEMPLATE_ARN = "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1"


@dataclass(frozen=True)
class Trial:
    """A folder, the environment of commands in it, and the tenant's CA."""

    folder: Path
    environment: dict[str, str]
    endpoint_url: str
    authority_arn: str

    def client(self, service: str, *, connections: int = 64) -> Any:
        """A plain boto3 client of the sandbox."""
        return boto3.Session(
            region_name=REGION,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        ).client(
            service,
            endpoint_url=self.endpoint_url,
            config=Config(max_pool_connections=connections),
        )

    def birthcert(self, *arguments: str) -> dict[str, Any]:
        """The JSON of a command, with `command_seconds` from its start to its end."""
        began = time.perf_counter()
        output = subprocess.run(
            [sys.executable, "-m", "birthcert", *arguments, "--json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        report: dict[str, Any] = json.loads(output)
        return {**report, "command_seconds": round(time.perf_counter() - began, 1)}

    def issue(self, manifest: Path, name: str, *options: str) -> dict[str, Any]:
        """The report of `birthcert issue`, with output in a folder of that name."""
        arguments = ["--tenant", TENANT, "--manifest", str(manifest)]
        return self.birthcert("issue", *arguments, "--out", str(self.folder / name), *options)

    def calls(self) -> dict[str, Any]:
        """The sandbox's count of calls."""
        with urllib.request.urlopen(f"{self.endpoint_url}/_sandbox/calls") as answer:
            calls: dict[str, Any] = json.load(answer)["calls"]
        return calls

    def set_knobs(self, **knobs: Any) -> None:
        """Change how the sandbox behaves."""
        url = f"{self.endpoint_url}/_sandbox/faults"
        request = urllib.request.Request(url, json.dumps(knobs).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()


@contextmanager
def trial() -> Iterator[Trial]:
    """A sandbox in a process of its own, with a CA on P-256 that issues to devices."""
    with tempfile.TemporaryDirectory(prefix="trial-") as name:
        folder = Path(name)
        with sandbox_server(folder) as ready:
            facts = ready()
            state = {"BIRTHCERT_STATE_FOLDER": str(folder / "state")}
            prefect = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_LEVEL": "ERROR"}
            environment = {**os.environ, **facts["environment"], **state, **prefect}
            made = Trial(folder, environment, facts["endpoint_url"], "")
            report = made.birthcert(
                "bootstrap", "--tenant", TENANT, "--no-canary", "--key-algorithm", "EC_prime256v1"
            )
            bootstrapped = Trial(
                folder, environment, facts["endpoint_url"], report["authority_arn"]
            )
            # an account whose quotas are out of the way
            bootstrapped.set_knobs(
                quotas_per_second={
                    "acm-pca.IssueCertificate": 100_000,
                    "acm-pca.GetCertificate": 100_000,
                }
            )
            yield bootstrapped


def issue_plainly(trial: Trial, csrs: list[bytes], *, threads: int) -> float:
    """Seconds of a plain loop: threads that issue and fetch, and keep nothing."""
    client = trial.client("acm-pca", connections=threads)

    def one(csr: bytes) -> None:
        answer = client.issue_certificate(
            CertificateAuthorityArn=trial.authority_arn,
            Csr=csr,
            SigningAlgorithm="SHA256WITHECDSA",
            TemplateArn=TEMPLATE_ARN,
            Validity={"Type": "DAYS", "Value": 365},
            IdempotencyToken=uuid.uuid4().hex,
        )
        while True:
            try:
                client.get_certificate(
                    CertificateAuthorityArn=trial.authority_arn,
                    CertificateArn=answer["CertificateArn"],
                )
                return
            except client.exceptions.RequestInProgressException:
                time.sleep(0.1)

    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, csrs):
            pass
    return time.perf_counter() - began
