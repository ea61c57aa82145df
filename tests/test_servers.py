"""Servers that end with whoever started them, and with nobody else."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

# on the first SIGTERM it says whether its server still answers, as a run that is ending would ask
PARENT = """
import signal, sys, threading, urllib.request
from pathlib import Path
from birthcert.servers import sandbox_server
ask = lambda: urllib.request.urlopen(url + "/_sandbox/calls", timeout=5).status
asked = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: asked.set())
with sandbox_server(Path(sys.argv[1])) as ready:
    url = ready()["endpoint_url"]
    print(url, flush=True)
    asked.wait()
    print(ask(), flush=True)
    threading.Event().wait()
"""

STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a server, in a group of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def still_answers(url: str, seconds: float) -> bool:
    """Whether a server goes on answering so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{url}/_sandbox/calls", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            return False
    return True


def test_server_outlives_a_signal_to_the_group_and_ends_with_its_parent(
    parent: subprocess.Popen[str],
) -> None:
    """A run that is asked to end still has its server; none stays behind a run that was killed."""
    url = said(parent)
    os.killpg(parent.pid, signal.SIGTERM)
    assert said(parent) == "200"
    parent.kill()
    assert not still_answers(url, seconds=30)


def test_program_that_does_not_heed_the_signal_ends_with_its_parent_too(tmp_path: Path) -> None:
    """Nobody else would end it: it is ended a few seconds after the signal."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    with subprocess.Popen(
        [sys.executable, "-m", "birthcert.child", "stubborn"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    ) as process:
        assert process.stdin is not None
        try:
            assert said(process) == "deaf"
            process.stdin.close()
            assert process.wait(60) == 1
        finally:
            process.kill()
