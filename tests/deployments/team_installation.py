"""The installation that the tests of this folder share, and what hangs on its wires."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx

from birthcert.installation.processes import running
from birthcert.models import Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr

HOME = Path(__file__).parents[2]
OURS, OPERATIONS = HOME / "prefect.yaml", HOME / "docs" / "operations.md"
# a block that is not run has the reason above it
SHELL = re.compile(r"(?<!-->\n)^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WAIT_SECONDS = 240
PARTS = ("postgres", "sandbox", "server", "worker-1", "worker-2")
UP, DOWN = "birthcert up --dir up --port 0", "birthcert down --dir up"
ENDED = ("COMPLETED", "FAILED", "CRASHED")
ACME, GLOBEX, INITECH = "111111111111", "222222222222", "333333333333"
BOOTSTRAP: dict[str, Any] = {
    "certificate_authority": {"key_algorithm": "EC_prime256v1"},
    "canary": False,
}
FLEET = [f"lathe-{number}" for number in range(60)]
# long enough that a batch is in its middle when it is looked at
SLOW = {"action": "acm-pca.IssueCertificate", "effect": "slow", "seconds": 1.0}


class Team:
    """The folder in which a team works, and its installation."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "up"
        self.begun: dict[str, int | None] = {}
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

    def up(self) -> None:
        """Bring up what does not run."""
        shell(UP, self.folder)

    def kill(self, *parts: str) -> None:
        """End parts as a machine that loses its power."""
        running_parts = self.parts()
        for part in parts:
            pid = running_parts[part]
            assert pid
            os.kill(pid, signal.SIGKILL)

    def states_of(self, run_id: str) -> list[Any]:
        """All states that a run has been in."""
        answer = self._api.get("flow_run_states/", params={"flow_run_id": run_id})
        states: list[Any] = answer.raise_for_status().json()
        return states

    def parts(self) -> dict[str, int | None]:
        """The pid of each part; None where it does not run."""
        return {name: running(self.home / "running" / f"{name}.json") for name in PARTS}

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

    @contextmanager
    def scheduled(self, deployment: str, *, every_seconds: float) -> Iterator[None]:
        """Inside, the deployment has a schedule too.

        The scheduler looks at changed deployments every 5 s, at all of them once a minute.
        """
        address = f"deployments/{self.deployments()[deployment]['id']}"
        schedule = {"interval": every_seconds, "anchor_date": datetime.now(UTC).isoformat()}
        wanted = {"slug": "soon", "active": True, "schedule": schedule}
        self._api.patch(address, json={"schedules": [wanted]}).raise_for_status()
        known = self.deployments()[deployment]["schedules"]
        [made] = [each["id"] for each in known if each["slug"] == "soon"]
        yield
        self._api.delete(f"{address}/schedules/{made}").raise_for_status()

    def flow_run(self, run_id: str) -> Any:
        """A run as the server knows it."""
        [run] = self.ask("flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        return run

    def ended(self, run_id: str) -> Any:
        """The state of a run when it has ended."""

        def final() -> Any:
            state = self.flow_run(run_id)["state"]
            return state if state["type"] in ENDED else None

        return self.until(final)

    def completed(self, run_id: str) -> None:
        """Wait until a run has ended well; one that died may be run again by then."""

        def final() -> Any:
            state = self.flow_run(run_id)["state"]
            assert state["type"] != "FAILED", state["message"]
            return state["type"] == "COMPLETED"

        self.until(final)

    def run_again(self, run_id: str) -> None:
        """Wait until a run that died has ended well at its second try."""
        self.until(lambda: self.flow_run(run_id)["run_count"] > 1)
        self.completed(run_id)
        states = {state["name"] for state in self.states_of(run_id)}
        assert {"Crashed", "AwaitingRetry"} <= states
        assert self.flow_run(run_id)["run_count"] == 2

    def pretend_to_run(self, deployment: str) -> str:
        """A run that is Running for the server, though nobody works on it; its id."""
        known = self.deployments()[deployment]["id"]
        later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": later}}
        run_id: str = self.ask(f"deployments/{known}/create_flow_run", state=state)["id"]
        self.ask(f"flow_runs/{run_id}/set_state", state={"type": "RUNNING"}, force=True)
        return run_id

    def send_heartbeat(self, run_id: str) -> None:
        """Tell the server of a heartbeat, whatever became of the run."""
        tag = {"prefect.resource.id": "prefect.tag.birthcert", "prefect.resource.role": "tag"}
        event = {
            "event": "prefect.flow-run.heartbeat",
            "id": str(uuid4()),
            "occurred": datetime.now(UTC).isoformat(),
            "resource": {"prefect.resource.id": f"prefect.flow-run.{run_id}"},
            "related": [tag],
        }
        self._api.post("events", json=[event]).raise_for_status()

    def events(self, name: str, *, of_run: str) -> list[Any]:
        """The events of this name that are related to a run."""
        wanted = {"event": {"name": [name]}, "related": {"id": [f"prefect.flow-run.{of_run}"]}}
        found: list[Any] = self.ask("events/filter", filter=wanted)["events"]
        return found

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

    def devices_of(self, account: str) -> Counter[str]:
        """How many certificates the CAs of an account have issued to each name."""
        books = self.books()["certificates"]
        own = [each for each in books if f":{account}:" in each["authority_arn"]]
        return Counter(each["subject"].rpartition("CN=")[2] for each in own)

    def aws(self, service: str, account: str, region: str) -> Any:
        """A client of a service in an account of the sandbox."""
        environment = json.loads((self.home / "sandbox" / "sandbox.json").read_text())
        known = environment["environment"]
        at = {"endpoint_url": known["AWS_ENDPOINT_URL"], "region_name": region}
        own = (known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"])
        sts = boto3.client("sts", **at, aws_access_key_id=own[0], aws_secret_access_key=own[1])
        role = f"arn:aws:iam::{account}:role/test"
        answer = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        kind: Any = boto3.client
        return kind(
            service,
            **at,
            aws_access_key_id=answer["AccessKeyId"],
            aws_secret_access_key=answer["SecretAccessKey"],
            aws_session_token=answer["SessionToken"],
        )

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
        kill_run(run_id)
        state = {"type": "CRASHED", "name": "Crashed"}
        self.ask(f"flow_runs/{run_id}/set_state", state=state, force=True)

    def submit(self, tenant: str, name: str, devices: list[str], *lines: str) -> Path:
        """Put a manifest of devices, and lines of one's own, into a tenant's inbox; the inbox."""
        inbox = self.folder / "tenants" / tenant / "inbox"
        hidden = inbox / f".{name}"
        hidden.write_text(manifest_of(devices) + "".join(f"{line}\n" for line in lines))
        hidden.rename(inbox / name)
        return inbox


def manifest_of(devices: list[str]) -> str:
    """A manifest with a CSR over a new key for each device."""
    rows = [json.dumps({"device_id": each, "csr": csr_of(each)}) for each in devices]
    return "\n".join([*rows, ""])


def csr_of(device: str) -> str:
    """A device's CSR; its key is dropped."""
    key = generate_private_key("EC_prime256v1")
    return build_csr(key, Subject(common_name=device)).decode()


def shell(commands: str, folder: Path) -> str:
    """What commands print in an empty environment; each must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _unless_busy(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer


def kill_run(run_id: str) -> int:
    """End a flow run and the worker that runs it, as a machine that loses its power; the worker."""
    run = _process_of(run_id)
    status = Path(f"/proc/{run}/status").read_text()
    worker = int(re.findall(r"^PPid:\t(\d+)$", status, re.MULTILINE)[0])
    for pid in (worker, run):
        os.kill(pid, signal.SIGKILL)
    return worker


def _process_of(run_id: str) -> int:
    wanted = f"PREFECT__FLOW_RUN_ID={run_id}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in entry.read_bytes().split(b"\0"):
                return int(entry.parent.name)
        except OSError:
            continue
    raise AssertionError(f"no process of run {run_id}")
