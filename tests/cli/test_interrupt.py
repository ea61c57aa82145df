"""Ctrl-C in the middle of a batch."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.sandbox.server import Sandbox

DEVICES = 30


def issued(sandbox: Sandbox) -> int:
    """Certificates bought since the counts were reset."""
    return sandbox.calls().get("acm-pca.IssueCertificate", {}).get("ok", 0)


def test_ctrl_c_stops_and_the_next_run_goes_on(
    birthcert: Any,
    bootstrapped: str,
    sandbox: Sandbox,
    fleet: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Exit code 130 and the command to go on with; then each device has one certificate."""
    arguments = ["issue", "--tenant", "acme", "--manifest", str(fleet(DEVICES)), "--json",
                 "--out", str(tmp_path / "out"), "--chunk-size", "5", "--threads", "1"]  # fmt: skip
    sandbox.reset_calls()
    slow = {"action": "acm-pca.IssueCertificate", "effect": "slow", "seconds": 0.2}
    sandbox.state.knobs.update({"issuance_seconds": (0.5, 1.0), "calls": [slow]})
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "birthcert", *arguments], stdout=pipe, stderr=pipe, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while issued(sandbox) < 3 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    first = issued(sandbox)
    sandbox.state.knobs.reset()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "birthcert issue --tenant acme --manifest" in err.splitlines()[-1]
    assert 3 <= first < DEVICES
    ended = birthcert(*arguments)
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert report["issued"] + report["existing"] == DEVICES
    assert first + ended.calls["acm-pca.IssueCertificate"]["ok"] == DEVICES
    assert len(list((tmp_path / "out").glob("*/chain.pem"))) == DEVICES


def test_ctrl_c_in_a_command_without_flows(birthcert: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command answers Ctrl-C with 130."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("birthcert.planning.plan_here", interrupted)
    ended = birthcert("plan", "--tenant", "acme")
    assert ended.code == 130
    assert "interrupted" in ended.err
