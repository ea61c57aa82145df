"""Servers of the demo's own: started as child processes, waited for, ended by the same hand."""

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
from pathlib import Path
from typing import Any, Final, TypeVar

from birthcert.errors import BirthcertError

Answer = TypeVar("Answer")
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0


class ServerNotStarted(BirthcertError):
    """A server of the demo ended, or did not answer in time; its log says why."""


@contextmanager
def sandbox_server(directory: Path, port: int = 0) -> Iterator[Callable[[], dict[str, Any]]]:
    """A sandbox as a child; calling what is yielded waits and gives the facts of sandbox.json."""
    (directory / "sandbox.json").unlink(missing_ok=True)
    command = ["birthcert", "sandbox", "serve", "--dir", str(directory), "--port", str(port)]
    log = directory / "sandbox-server.log"
    with _child(command, log, os.environ) as process:
        yield lambda: _until(process, log, lambda: _facts(directory / "sandbox.json"))


@contextmanager
def prefect_server(home: Path) -> Iterator[Callable[[], str]]:
    """A Prefect server with its UI as a child; what is yielded waits and gives its address."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_UI_API_URL": f"{url}/api",
    }
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    with _child(command, log, environment) as process:
        yield lambda: _until(process, log, lambda: url if _answers(f"{url}/api/health") else None)


@contextmanager
def _child(
    module: list[str], log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            # Ctrl-C is for the demo, which ends its children itself
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


def _until(
    process: subprocess.Popen[bytes], log: Path, probe: Callable[[], Answer | None]
) -> Answer:
    end = time.monotonic() + START_SECONDS
    while (answer := probe()) is None:
        if process.poll() is not None or time.monotonic() > end:
            raise ServerNotStarted(f"a server did not start: {log}", remedy="read that log")
        time.sleep(0.1)
    return answer


def _facts(path: Path) -> dict[str, Any] | None:
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return facts


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
