"""An installation as `birthcert up` makes it, with the project's prefect.yaml, for all tests."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

HOME = Path(__file__).parents[2]
OURS, OPERATIONS = HOME / "prefect.yaml", HOME / "docs" / "operations.md"
# a block that is not run has the reason above it
SHELL = re.compile(r"(?<!-->\n)^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAIT_SECONDS = 180
BIN = Path(sys.executable).parent
UP, DOWN = "birthcert up --dir up --port 0", "birthcert down --dir up"
QUICK = {"ca_creation_seconds": 0.1, "issuance_seconds": [0.05, 0.1], "iam_delay_seconds": 0.1}


class Team:
    """The folder in which a team works, and its installation."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "up"
        known = json.loads((self.home / "installation.json").read_text())
        self.url = f"http://127.0.0.1:{known['port']}"
        self.auth = ("birthcert", known["api_password"])
        self._api = httpx.Client(base_url=f"{self.url}/api/", timeout=30, auth=self.auth)
        self.sandbox = f"http://127.0.0.1:{known['sandbox_port']}/_sandbox"

    def run(self, commands: str) -> str:
        """What commands print in a shell that works with the installation; each must succeed."""
        return shell(f". up/environment\n{commands}", self.folder)

    def follow(self, section: str) -> str:
        """What the commands of a section of docs/operations.md print; each must succeed."""
        text = OPERATIONS.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        commands = "\n".join(SHELL.findall(text))
        assert commands
        return self.run(commands)

    def books(self) -> Any:
        """What the sandbox holds of all accounts."""
        return httpx.get(f"{self.sandbox}/books", timeout=30).raise_for_status().json()

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

    def flow_run(self, run_id: str) -> Any:
        """A run as the server knows it."""
        [run] = self.ask("flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return run

    def ended(self, run_id: str) -> Any:
        """The state of a run when it has ended."""

        def final() -> Any:
            state = self.flow_run(run_id)["state"]
            return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

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

    def misbehave(self, **knobs: Any) -> None:
        """Set knobs of the sandbox."""
        httpx.post(f"{self.sandbox}/faults", json=knobs, timeout=30).raise_for_status()

    def shards_of(self, run_id: str) -> list[str]:
        """The runs that a run handed its shards out to, in the manifest's order."""
        children = {"parent_flow_run_id": {"any_": [run_id]}}
        runs = self.ask("flow_runs/filter", flow_runs=children)
        runs.sort(key=lambda run: run["parameters"]["request"]["shard"]["first"])
        return [run["id"] for run in runs]

    def kill_with_its_worker(self, run_id: str) -> None:
        """SIGKILL for a run's process and the worker that started it.

        The server is told at once what it would find out by itself 75 s later.
        """
        pid = int(self.flow_run(run_id)["infrastructure_pid"].rpartition(":")[2])
        worker = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        assert b"worker" in Path(f"/proc/{worker}/cmdline").read_bytes()
        for each in (worker, pid):
            os.kill(each, signal.SIGKILL)
        state = {"type": "CRASHED", "name": "Crashed"}
        self.ask(f"flow_runs/{run_id}/set_state", state=state, force=True)


def shell(commands: str, folder: Path) -> str:
    """What commands print in an empty environment; each must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _unless_busy(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer


@pytest.fixture(scope="session")
def team() -> Iterator[Team]:
    """The project brought up with both tenants, on a sandbox that is quick to issue."""
    # not below pytest's own folder, which is closed to the user that Postgres runs as
    with tempfile.TemporaryDirectory(prefix="team-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        shutil.copy(OURS, folder / "prefect.yaml")
        try:
            shell(UP, folder)
            made = Team(folder)
            httpx.post(f"{made.sandbox}/faults", json=QUICK).raise_for_status()
            yield made
        finally:
            shell(DOWN, folder)
