"""A Prefect server of its own with the project's deployments, and a worker on the sandbox."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from birthcert.sandbox.server import Sandbox
from birthcert.servers import prefect_server

HOME = Path(__file__).parents[2]
OURS, OPERATIONS = HOME / "prefect.yaml", HOME / "docs" / "operations.md"
# a block that is not run has the reason above it
SHELL = re.compile(r"(?<!-->\n)^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAIT_SECONDS = 120


class Team:
    """The folder in which a team works, its environment, and its Prefect server."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self._api = httpx.Client(base_url=environment["PREFECT_API_URL"] + "/", timeout=30)

    def run(self, *command: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def follow(self, section: str) -> str:
        """What the commands of a section of docs/operations.md print; each must succeed."""
        text = OPERATIONS.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        commands = "\n".join(SHELL.findall(text))
        assert commands
        path = f"{Path(sys.executable).parent}:{self.environment['PATH']}"
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", commands],
            cwd=self.folder,
            env={**self.environment, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, **query: Any) -> Any:
        """The JSON that the server answers to a POST; a busy one (503) is asked again."""
        answer = self.until(lambda: _unless_busy(self._api.post(path, json=query)))
        return answer.raise_for_status().json()

    def deployments(self) -> dict[str, Any]:
        """The deployments by name."""
        return {each["name"]: each for each in self.ask("deployments/filter")}

    def start(self, deployment: str, **request: Any) -> str:
        """Run a deployment as its form would, with values changed; the id of the run."""
        known = self.deployments()[deployment]
        parameters = {"request": {**known["parameters"]["request"], **request}}
        run = self.ask(f"deployments/{known['id']}/create_flow_run", parameters=parameters)
        run_id: str = run["id"]
        return run_id

    def ended(self, run_id: str) -> Any:
        """The state of a run when it has ended."""

        def final() -> Any:
            [run] = self.ask("flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
            ended = run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED")
            return run["state"] if ended else None

        return self.until(final)

    @staticmethod
    def until(probe: Callable[[], Any]) -> Any:
        """What the probe gives, as soon as it gives something."""
        end = time.monotonic() + WAIT_SECONDS
        while not (found := probe()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.2)
        return found

    def runs_of(self, deployment: str) -> list[Any]:
        """The deployment's runs."""
        wanted = {"name": {"any_": [deployment]}}
        runs: list[Any] = self.ask("flow_runs/filter", deployments=wanted)
        return runs


def _unless_busy(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Team]:
    """The project deployed on a server of its own; the machine's credentials are acme's."""
    folder = tmp_path_factory.mktemp("team")
    shutil.copy(OURS, folder / "prefect.yaml")
    (folder / "tenants" / "acme" / "inbox").mkdir(parents=True)
    with prefect_server(folder / "prefect") as server:
        server.wait()
        environment = {
            **os.environ,
            **credentials(sandbox, "111111111111"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": server.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "BIRTHCERT_STATE_FOLDER": str(folder / "state"),
        }
        made = Team(folder, environment)
        made.follow("Set up once")
        yield made


@pytest.fixture(scope="module")
def worker(team: Team) -> Iterator[None]:
    """A worker that takes the runs."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "birthcert"]
    with (team.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=team.folder, env=team.environment, stdout=log, stderr=subprocess.STDOUT
        )
    yield
    process.terminate()
    process.wait(30)


def credentials(sandbox: Sandbox, account: str) -> dict[str, str]:
    """The environment of a role in an account of the sandbox."""
    known = sandbox.environment
    keys = {name.lower(): known[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    sts: Any = boto3.client("sts", "eu-west-1", endpoint_url=sandbox.url, **keys)
    role = f"arn:aws:iam::{account}:role/worker"
    answer = sts.assume_role(RoleArn=role, RoleSessionName="worker")["Credentials"]
    return {
        **known,
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["SessionToken"],
    }
