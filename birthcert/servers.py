"""Servers of our own as child processes: started, waited for, ended with whoever started them."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from birthcert.errors import BirthcertError

Answer = TypeVar("Answer")
# Prefect needs 10 s on a free machine, and more on a busy one
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 10.0
SANDBOX_FILE: Final = "sandbox.json"
FIXED: Final = {"PREFECT__SERVER_FINAL": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


class ServerNotStarted(BirthcertError):
    """A server ended, or did not answer in time; its log says why."""


@contextmanager
def sandbox_server(directory: Path, port: int = 0) -> Iterator[Callable[[], dict[str, Any]]]:
    """A sandbox as a child; calling what is yielded waits and gives the facts of sandbox.json."""
    (directory / SANDBOX_FILE).unlink(missing_ok=True)
    command = ["birthcert", "sandbox", "serve", "--dir", str(directory), "--port", str(port)]
    log = directory / "sandbox-server.log"
    with _child(command, log, os.environ) as process:
        yield lambda: _until(process, log, lambda: sandbox_facts(directory))


@dataclass(frozen=True)
class PrefectServer:
    """A Prefect server that is starting: its address, and how to wait until it answers."""

    url: str
    wait: Callable[[], None]

    @property
    def api(self) -> str:
        """The address for PREFECT_API_URL, which Prefect reads when it is imported."""
        return f"{self.url}/api"


@contextmanager
def prefect_server(home: Path) -> Iterator[PrefectServer]:
    """A Prefect server with its UI as a child."""
    port = _free_port()
    url = _address(port)
    environment = {"PREFECT_HOME": str(home), "PREFECT_UI_API_URL": f"{url}/api"}
    home.mkdir(parents=True, exist_ok=True)
    with _prefect(port, home / "server.log", environment) as process:
        yield PrefectServer(url, lambda: _until_healthy(process, home / "server.log", url))


@contextmanager
def temporary_prefect_server(log: Path) -> Iterator[PrefectServer]:
    """A Prefect API for one run, on Prefect's usual database.

    Prefect starts one by itself where no API is configured, but in this process's group: a SIGTERM
    to the group would take away the server that the run needs to end well.
    """
    port = _free_port()
    environment = {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT_SERVER_UI_ENABLED": "false"}
    with _prefect(port, log, environment) as process:
        yield PrefectServer(_address(port), lambda: _until_healthy(process, log, _address(port)))


@contextmanager
def _prefect(
    port: int, log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with _child(prefect_command(port), log, {**os.environ, **FIXED, **environment}) as process:
        yield process


def prefect_command(port: int) -> list[str]:
    """The module and arguments of a Prefect server on the loopback; FIXED is its environment."""
    # as `prefect server start` does, without importing Prefect for its command line first
    command = ["uvicorn", "--factory", "prefect.server.api.server:create_app"]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]


@contextmanager
def _child(
    module: list[str], log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stream:
        process = subprocess.Popen(
            # -P: a manifest's folder may be the working folder, and hold a stranger's modules
            [sys.executable, "-P", "-m", "birthcert.child", *module],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            # a signal to the parent's group is for the parent, which ends its children itself
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _until_healthy(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    _until(process, log, lambda: answers(f"{url}/api/health") or None)


def _until(
    process: subprocess.Popen[bytes], log: Path, probe: Callable[[], Answer | None]
) -> Answer:
    return until_ready(probe, log, runs=lambda: process.poll() is None)


def until_ready(
    probe: Callable[[], Answer | None], log: Path, *, runs: Callable[[], bool]
) -> Answer:
    """What the probe of a server gives, as soon as it gives something.

    ServerNotStarted where the server ends first or takes too long; it names the log.
    """
    end = time.monotonic() + START_SECONDS
    while (answer := probe()) is None:
        if not runs() or time.monotonic() > end:
            raise ServerNotStarted(f"a server did not start: {log}", remedy="read that log")
        time.sleep(0.1)
    return answer


def sandbox_facts(directory: Path) -> dict[str, Any] | None:
    """The facts of sandbox.json; None until it is there."""
    try:
        facts: dict[str, Any] = json.loads((directory / SANDBOX_FILE).read_text())
    except FileNotFoundError:
        return None
    return facts


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
