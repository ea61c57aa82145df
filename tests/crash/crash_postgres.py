"""A Postgres server that can go away in the middle of a run."""

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

import pytest


class Postgres:
    """A real server on a free loopback port; one database, `ledger`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._user = _unprivileged()
        if self._user:
            shutil.chown(folder, self._user)
        with socket.socket() as listener:
            listener.bind(("localhost", 0))
            self._port = listener.getsockname()[1]
        self._run("initdb", "-D", str(folder / "db"), "-U", "tester", "--auth=trust", "--no-sync")
        self.start()
        self._run("createdb", "-h", "localhost", "-p", str(self._port), "-U", "tester", "ledger")

    @property
    def url(self) -> str:
        """The ledger's URL."""
        return f"postgresql://tester@localhost:{self._port}/ledger"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self._port} -c listen_addresses=localhost -k {self._folder}"
        self._control("-l", str(self._folder / "log"), "-o", options, "start")

    def crash(self) -> None:
        """End it without a clean shutdown; its clients' connections break."""
        self._control("-m", "immediate", "stop")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "db"), "-w", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
        )


def programs_or_skip() -> Path:
    """The folder of Postgres's programs; a loud skip where there are none."""
    pytest.importorskip("psycopg", reason="NO psycopg HERE: Postgres going away is not tested")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    candidates = [*folders, *([Path(found).parent] if found else [])]
    for folder in candidates:
        if (folder / "pg_ctl").exists():
            return folder
    pytest.skip("NO POSTGRES HERE: Postgres going away is not tested")


def _unprivileged() -> str | None:
    """Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
