"""`birthcert up`: every part that does not run is started, and Prefect knows our deployments.

Each step looks first, so that it may be killed anywhere and run again.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import httpx

from birthcert import console
from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.installation import postgres
from birthcert.installation.facts import Home, Installation, find_home, is_in_use
from birthcert.installation.parts import (
    WORKERS,
    Part,
    client_environment,
    command_environment,
    postgres_part,
    sandbox_part,
    server_part,
    worker_part,
    write_shell,
)
from birthcert.installation.processes import running
from birthcert.models import WhereRequest
from birthcert.servers import SANDBOX_FILE, answers, sandbox_facts, until_ready
from birthcert.tenants.stanza import POOL, read_tenants

Answer = TypeVar("Answer")
PREFECT_FILE: Final = Path("prefect.yaml")


class NotDeployed(BirthcertError):
    """Prefect did not take the deployments."""


class Up:
    """Brings an installation up, with the deployments of the prefect.yaml in this folder."""

    def __init__(self, home: Home, installation: Installation, *, lock: int) -> None:
        self._home, self._installation, self._lock = home, installation, lock

    def servers(self) -> dict[str, str]:
        """Postgres, sandbox and Prefect's server, ready; the environment of their clients."""
        home, installation = self._home, self._installation
        programs = postgres.find_programs()
        postgres.make_cluster(
            programs, home.folder / "postgres", installation.database_password, lock=self._lock
        )
        self._start(postgres_part(home, installation))
        sandbox = home.folder / "sandbox"
        if not running(home.record("sandbox")):
            (sandbox / SANDBOX_FILE).unlink(missing_ok=True)
        self._start(sandbox_part(home, installation))
        self._ready("postgres", lambda: postgres.answers(installation))
        postgres.make_databases(installation)
        self._start(server_part(home, installation))
        facts = self._ready("sandbox", lambda: sandbox_facts(sandbox))
        environment = client_environment(home, installation, facts["environment"])
        write_shell(home, environment, facts)
        self._ready("server", lambda: answers(f"{installation.api}/health") or None)
        return environment

    def tenants(self) -> list[WhereRequest]:
        """The tenants of this folder's prefect.yaml."""
        return read_tenants(PREFECT_FILE)

    def deployments(self, environment: Mapping[str, str]) -> None:
        """Both workers at work, every deployment made, an inbox for each tenant."""
        for tenant in self.tenants():
            Path("tenants", tenant.tenant, "inbox").mkdir(parents=True, exist_ok=True)
        aws = {name: value for name, value in environment.items() if name.startswith("AWS_")}
        parts = [worker_part(self._home, self._installation, name, aws) for name in WORKERS]
        began = datetime.now(UTC)
        started = [part.name for part in parts if self._start(part)]
        self._deploy(environment)
        for name in started:
            self._ready(name, partial(self._has_spoken, name, since=began))

    def _start(self, part: Part) -> bool:
        """Start a part that does not run; whether it was started."""
        record, log = self._home.record(part.name), self._home.log(part.name)
        if running(record):
            return False
        if part.port and is_in_use(part.port):
            raise ConfigurationError(
                f"port {part.port} is in use, and not by this installation's {part.name}",
                remedy="end what listens there, or choose another: birthcert up --port",
            )
        console.err.print(f"starting {part.name} ...")
        launch = ["birthcert.installation.launch", str(record), str(self._lock), part.user or ""]
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", *launch, *part.command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=dict(part.environment),
                pass_fds=(self._lock,),
                start_new_session=True,
            )
        until_ready(lambda: running(record), log, runs=lambda: process.poll() is None)
        return True

    def _ready(self, name: str, probe: Callable[[], Answer | None]) -> Answer:
        record = self._home.record(name)
        return until_ready(probe, self._home.log(name), runs=lambda: running(record) is not None)

    def _has_spoken(self, worker: str, *, since: datetime) -> bool | None:
        """True as soon as the server has heard from the worker that was started."""
        user, _, password = self._installation.auth_string.partition(":")
        url = f"{self._installation.api}/work_pools/{POOL}/workers/filter"
        answer = httpx.post(url, json={}, auth=(user, password), timeout=30)
        heard = {
            each["name"]: datetime.fromisoformat(each["last_heartbeat_time"])
            for each in answer.raise_for_status().json()
        }
        return (worker in heard and heard[worker] > since) or None

    def _deploy(self, environment: Mapping[str, str]) -> None:
        console.err.print(f"deploying {PREFECT_FILE} ...")
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
            env=command_environment(environment),
            capture_output=True,
            text=True,
            pass_fds=(self._lock,),
            check=False,
        )
        if done.returncode:
            said = " ".join((done.stdout + done.stderr).split())
            raise NotDeployed(
                f"{PREFECT_FILE} could not be deployed: {said[-500:]}", remedy="correct it"
            )


@contextmanager
def bring_up(folder: Path, port: int | None) -> Iterator[tuple[Up, Installation]]:
    """An installation to bring up, new or as it was left, while no other command works on it.

    ConfigurationError: no prefect.yaml here, no Postgres on this machine, or a port in use.
    """
    read_tenants(PREFECT_FILE)
    postgres.find_programs()
    home = find_home(folder)
    home.make()
    with home.locked() as lock:
        installation = home.read_or_make(port)
        yield Up(home, installation, lock=lock), installation
