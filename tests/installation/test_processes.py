"""Processes are known by more than their number: a stranger that has it now is left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from birthcert.installation.processes import MARK, ended, marked, running, this_process

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "
    "time.sleep(600)"
)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    """The record of a process that was launched as `up` launches its parts."""
    path = tmp_path / "part.json"
    with (tmp_path / "lock").open("wb") as lock:
        launch = [sys.executable, "-m", "birthcert.installation.launch", str(path)]
        with subprocess.Popen(
            [*launch, str(lock.fileno()), "", *SLEEPER],
            pass_fds=(lock.fileno(),),
            env={**os.environ, MARK: "ours"},
        ) as process:
            while not running(path):
                assert process.poll() is None
                time.sleep(0.02)
            yield path
            process.kill()


def changed(record: Path, **facts: Any) -> Path:
    """The record with facts of another process."""
    record.write_text(json.dumps({**json.loads(record.read_text()), **facts}))
    return record


def test_what_was_launched_is_known(record: Path) -> None:
    """The record names the process, also after it became the program."""
    assert running(record) == json.loads(record.read_text())["pid"]


def test_what_was_launched_is_found_by_its_mark(record: Path) -> None:
    """A process carries the mark of its installation, and of no other."""
    pid = running(record)
    # it has the mark from its first instant, and the program's own environment after the exec
    assert pid in marked("ours")
    assert marked("another's") == []


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"ticks": 1}, id="started at another time"),
        pytest.param({"space": "another-boot/pid:[1]"}, id="before a reboot"),
        pytest.param({"pid": 2**22 + 1}, id="nobody has the number"),
        pytest.param({"pid": "many"}, id="no number"),
    ],
)
def test_a_stranger_is_not_ours(record: Path, facts: dict[str, Any]) -> None:
    """A record whose number another process has by now names nothing that runs."""
    assert running(changed(record, **facts)) is None


def test_a_torn_record_names_nothing(tmp_path: Path) -> None:
    """A file that is cut off or missing is no process."""
    torn = tmp_path / "torn.json"
    assert running(torn) is None
    torn.write_text('{"pid": 1')
    assert running(torn) is None


def test_a_dead_process_that_nobody_has_waited_for_has_ended(record: Path) -> None:
    """A zombie runs no more."""
    pid = running(record)
    assert pid
    assert ended(lambda: [pid] if running(record) else [], signal.SIGTERM, patience_seconds=30)
    assert running(record) is None


def test_one_that_does_not_heed_the_signal_is_told_of(tmp_path: Path) -> None:
    """After the patience is over the caller knows, and may kill."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()

        def find() -> list[int]:
            return [process.pid] if process.poll() is None else []

        assert not ended(find, signal.SIGTERM, patience_seconds=0.2)
        assert ended(find, signal.SIGKILL, patience_seconds=30)


def test_this_process_is_itself() -> None:
    """Its identity is a number, a boot and a beginning."""
    me = this_process()
    assert me["pid"] == os.getpid()
    assert me["space"]
    assert me["ticks"] > 0
