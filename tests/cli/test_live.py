"""The progress of a batch on stderr."""

import io
import logging

import pytest
from rich.console import Console

from birthcert import live
from birthcert.console import Show
from birthcert.issuance.progress import BatchProgress, follower
from birthcert.live import live_progress

HALF = BatchProgress(
    tenant="acme",
    total=10,
    issued=5,
    existing=0,
    refused=0,
    failed=0,
    throttled=0,
    per_second=2.5,
    seconds=2.0,
)


def shown(show: Show, *, terminal: bool) -> str:
    """What the console shows of a batch that is half done."""
    console = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=100)
    with live_progress(show, console):
        follower.get()(HALF)
    follower.get()(HALF)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_has_a_bar() -> None:
    """With the percentage, the pace and the time left; also where the result is JSON."""
    assert " 50% 5 of 10 devices, 2.5 a second, 2 s left" in shown(Show(json=True), terminal=True)


def test_a_file_has_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one for each word of progress, and nothing that draws."""
    caplog.set_level(logging.INFO, "birthcert")
    assert shown(Show(), terminal=False) == ""
    assert caplog.messages == []
    monkeypatch.setattr(live, "LINE_SECONDS", 0)
    assert shown(Show(), terminal=False) == ""
    assert caplog.messages == ["5 of 10 devices, 2.5 a second, 2 s left"]


def test_quiet_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """--quiet shows no progress, on a terminal neither."""
    assert shown(Show(quiet=True), terminal=True) == ""
    assert caplog.messages == []
