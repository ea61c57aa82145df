"""Ledgers for the tests: SQLite in a folder, and a real Postgres where its programs are there."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from birthcert.ledger.ledger import Ledger

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that tests set by hand."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of this test's own."""
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A Postgres server on a free loopback port; gives the URL of a fresh database."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("NO POSTGRES HERE: the ledger on Postgres is not tested")
    # not below pytest's own folder, which is closed to the user that Postgres runs as
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        user = _unprivileged()
        if user:
            shutil.chown(folder, user)
        with _server(programs, Path(folder), user) as url:
            yield _databases(url)


@contextmanager
def _server(programs: Path, folder: Path, user: str | None) -> Iterator[str]:
    data, port = folder / "db", _free_port()
    make = [programs / "initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync"]
    subprocess.run(make, check=True, user=user, capture_output=True, cwd="/")
    options = f"-p {port} -c listen_addresses=localhost -k {folder} -c fsync=off"
    control = [programs / "pg_ctl", "-D", data, "-w"]
    start = [*control, "-l", folder / "log", "-o", options, "start"]
    subprocess.run(start, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")
    try:
        yield f"postgresql://tester@localhost:{port}"
    finally:
        stop = [*control, "-m", "immediate", "stop"]
        subprocess.run(stop, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")


def _postgres_programs() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    candidates = [*folders, *([Path(found).parent] if found else [])]
    return next((each for each in candidates if (each / "pg_ctl").exists()), None)


def _unprivileged() -> str | None:
    """Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def _databases(server: str) -> Callable[[], str]:
    psycopg = pytest.importorskip("psycopg")
    names = iter(f"ledger_{number}" for number in range(1_000))

    def fresh() -> str:
        name = next(names)
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{server}/{name}"

    return fresh


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The ledger's URL on either database: None is the SQLite file."""
    if request.param == "sqlite":
        return None
    return str(request.getfixturevalue("postgres")())


@pytest.fixture
def open_ledger(url: str | None, tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    """Open the same ledger as often as wanted, each time as another process would."""
    opened: list[Ledger] = []

    def open_again() -> Ledger:
        opened.append(Ledger.open(url, tmp_path / "state", clock=clock))
        return opened[-1]

    yield open_again
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    """One open ledger."""
    return open_ledger()
