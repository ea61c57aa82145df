"""Opening a ledger: made, brought forward, backed up, refused."""

import multiprocessing
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.ledger.connection import FILE_NAME, connect, reading
from birthcert.ledger.errors import LedgerTooNew, LedgerUnavailable
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.migrate import MIGRATIONS, bring_forward
from birthcert.ledger.records import Intent
from birthcert.ledger.schema import SCHEMA_VERSIONS, metadata
from birthcert.models import Place

PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
fork = multiprocessing.get_context("fork")

NEXT_STEP = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "next", "{last}"
def upgrade():
    op.add_column("batch", sa.Column("colour", sa.Text))
    {then}
"""


def test_migrations_make_the_schema(url: str | None, tmp_path: Path, clock: Any) -> None:
    """The tables that the migrations make are those of schema.py, to the last constraint."""
    Ledger.open(url, tmp_path, clock=clock).close()
    engine = connect(url, tmp_path)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_schema_versions_are_alembics() -> None:
    """The versions known to schema.py are the migrations, in their order."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    steps = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(step.revision for step in steps)[::-1] == SCHEMA_VERSIONS


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder has mode 0700, every file 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with Ledger.open(None, tmp_path / "state") as ledger:
            ledger.begin_batch("acme", PLACE, "arn:ca")
            modes = {
                path.name: stat.S_IMODE(path.stat().st_mode)
                for path in (tmp_path / "state").iterdir()
            }
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert modes == dict.fromkeys([FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"], 0o600)


def test_commits_survive_a_power_cut(tmp_path: Path) -> None:
    """SQLite syncs each commit to the disk, in WAL mode."""
    Ledger.open(None, tmp_path).close()
    engine = connect(None, tmp_path)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


def test_a_new_ledger_waits_for_who_writes_to_its_file(tmp_path: Path, clock: Any) -> None:
    """SQLite refuses the change to WAL mode at once, busy timeout or not."""
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = sqlite3.connect(path, timeout=15)
        with closing(refused), pytest.raises(sqlite3.OperationalError, match="locked"):
            refused.execute("PRAGMA journal_mode = WAL")
        end = threading.Timer(0.3, other.rollback)
        end.start()
        with Ledger.open(None, tmp_path, clock=clock) as ledger:
            assert ledger.begin_batch("acme", PLACE, "arn:ca") == 1
        end.join()


def test_processes_may_open_a_new_ledger_at_once(
    url: str | None, tmp_path: Path, clock: Any
) -> None:
    """One of them makes the tables, the others wait."""
    begun: Any = fork.Queue()

    def open_and_begin() -> None:
        with Ledger.open(url, tmp_path, clock=clock) as ledger:
            begun.put(ledger.begin_batch("acme", PLACE, "arn:ca"))

    processes = [fork.Process(target=open_and_begin) for _ in range(4)]
    for process in processes:
        process.start()
    # not by exit codes: at exit a fork runs what Prefect registered for its parent
    batches = [begun.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)
    assert sorted(batches) == [1, 2, 3, 4]
    with Ledger.open(url, tmp_path, clock=clock) as ledger:
        assert len(ledger.batches()) == 4
        assert len(ledger.authorities()) == 1


def migrations_with(tmp_path: Path, then: str) -> Path:
    """The project's migrations and a next one."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    for step in (MIGRATIONS / "versions").glob("v*.py"):
        (folder / "versions" / step.name).write_text(step.read_text())
    (folder / "versions" / "next.py").write_text(
        NEXT_STEP.format(last=SCHEMA_VERSIONS[-1], then=then)
    )
    return folder


@pytest.mark.parametrize(
    "then", [pytest.param("pass", id="works"), pytest.param("1 / 0", id="breaks off")]
)
def test_an_older_ledger_is_backed_up_and_brought_forward(
    tmp_path: Path, clock: Any, then: str
) -> None:
    """Before a migration the file is copied; one that breaks off changes nothing."""
    state = tmp_path / "state"
    with Ledger.open(None, state) as ledger:
        ledger.begin_batch("acme", PLACE, "arn:ca")
    engine = connect(None, state)
    versions = (*SCHEMA_VERSIONS, "next")
    migrations = migrations_with(tmp_path, then)

    def migrate() -> None:
        bring_forward(engine, now=clock(), versions=versions, migrations=migrations)

    if then == "pass":
        migrate()
    else:
        with pytest.raises(ZeroDivisionError):
            migrate()
    with reading(engine) as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(batch)")]
    engine.dispose()
    assert ("colour" in columns) == (then == "pass")
    (backup,) = state.glob("*.backup")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT count(*) FROM batch").fetchone() == (1,)
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (
            SCHEMA_VERSIONS[-1],
        )


def test_a_newer_ledger_is_refused(
    open_ledger: Callable[[], Ledger], url: str | None, tmp_path: Path
) -> None:
    """A schema that this release does not know is left alone, in one clear line."""
    open_ledger().close()
    engine = connect(url, tmp_path / "state")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(LedgerTooNew, match=f"has schema 9999, .* up to {SCHEMA_VERSIONS[-1]}"):
        open_ledger()


def broken(folder: Path, how: str) -> str | None:
    """Make the ledger unusable in one way; returns its URL."""
    path = folder / FILE_NAME
    if how == "damaged":
        path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    elif how == "not a database":
        path.write_text("hello" * 1000)
    elif how == "a folder":
        path.mkdir()
    elif how == "another program's":
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE certificate (id)")
    elif how == "parent is a file":
        (folder / "file").touch()
        return f"sqlite:///{folder}/file/ledger.sqlite3"
    else:
        return "postgresql://someone:secret@localhost:1/ledger"
    return None


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("damaged", "is damaged|no SQLite file"),
        ("not a database", "is no SQLite file"),
        ("a folder", "cannot be opened"),
        ("another program's", "is not a ledger"),
        ("parent is a file", "cannot be used"),
        ("no postgres", "does not answer"),
    ],
)
def test_an_unusable_ledger_is_one_clear_line(tmp_path: Path, how: str, what: str) -> None:
    """What is wrong and what to do, without a password."""
    if how == "no postgres":
        pytest.importorskip("psycopg")
    url = broken(tmp_path, how)
    with pytest.raises(LedgerUnavailable, match=what) as raised:
        Ledger.open(url, tmp_path)
    message = str(raised.value)
    assert ";" in message
    assert "\n" not in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "no url", "sqlite://", "sqlite:///:memory:"]
)
def test_other_databases_are_refused(tmp_path: Path, url: str) -> None:
    """A URL that names neither Postgres nor a SQLite file is a configuration error."""
    with pytest.raises(ConfigurationError, match="ledger"):
        Ledger.open(url, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_locked_ledger_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that holds the file makes the others give up in the end, with a reason."""
    monkeypatch.setattr("birthcert.ledger.connection.BUSY_TIMEOUT_MILLISECONDS", 50)
    with Ledger.open(None, tmp_path) as ledger:
        with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(LedgerUnavailable, match="is locked by another process"):
                ledger.begin_batch("acme", PLACE, "arn:ca")
            assert ledger.batches() == []
            holder.execute("ROLLBACK")
        assert ledger.begin_batch("acme", PLACE, "arn:ca") == 1


def test_a_full_disk_is_one_clear_line_and_loses_nothing(tmp_path: Path) -> None:
    """A commit that finds no room is not there; what was committed before is."""
    with Ledger.open(None, tmp_path) as ledger:
        batch_id = ledger.begin_batch("acme", PLACE, "arn:ca")
        claim = ledger.claim(batch_id)
        (kept,) = ledger.intend(batch_id, claim, [Intent("a", "csr", "key", "T/V1")])
        fill_up(ledger)
        many = [Intent(f"d{n}", f"csr {n}" * 8, "key", "T/V1") for n in range(4_000)]
        with pytest.raises(LedgerUnavailable, match="has no room on its disk") as raised:
            ledger.intend(batch_id, claim, many)
        assert isinstance(raised.value, BirthcertError)
        assert [record.id for record in ledger.records()] == [kept.id]


def fill_up(ledger: Ledger) -> None:
    """Let SQLite behave as on a full disk: no page may be added any more."""
    with ledger._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
