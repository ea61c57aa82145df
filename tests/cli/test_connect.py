"""`birthcert connect` and `birthcert canary` as a script sees them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def device(desk: Path, bootstrapped: str) -> Path:
    """The folder of a device of acme, its key encrypted."""
    from birthcert.models import IssueRequest
    from flows.issue import issue

    (desk / "passphrase").write_text("open sesame\n")
    (desk / "passphrase").chmod(0o600)
    (desk / "devices.csv").write_text("device_id\nsensor-1\n")
    issue(
        IssueRequest(
            tenant="acme",
            manifest=str(desk / "devices.csv"),
            out=str(desk / "certificates"),
            subject="from-manifest",
            generate_keys="EC_prime256v1",
            key_passphrase_file=str(desk / "passphrase"),
        )
    )
    return desk / "certificates" / "sensor-1"


@pytest.fixture
def arguments(device: Path, desk: Path) -> list[str]:
    """The command up to what the device does."""
    (desk / "foo.txt").write_text("hello")
    return [
        "connect", "--tenant", "acme", "--certificate", str(device / "chain.pem"),
        "--key", str(device / "private.pem"), "--key-passphrase-file", str(desk / "passphrase"),
    ]  # fmt: skip


def test_json_is_one_document_and_the_process_ends(arguments: list[str], desk: Path) -> None:
    """The promised facts on stdout, the drop told on stderr, and no thread that holds it up."""
    act = ["--topic", "acme/sensor-1/FOO", "--message-file", str(desk / "foo.txt"), "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "birthcert", *arguments, *act],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    promised = ("connected", "attempts", "thing_name", "certificate_status", "published")
    assert [report[name] for name in promised] == [True, 2, "sensor-1", "ACTIVE", True]
    assert "the first connection was dropped" in ended.stderr


def test_people_get_the_message_and_a_table(
    birthcert: Callable[..., Any], arguments: list[str], desk: Path
) -> None:
    """What was received is printed as it came, then how it went."""
    topic = "acme/sensor-1/FOO"
    act = ["--subscribe", topic, "--topic", topic, "--message-file", str(desk / "foo.txt")]
    ended = birthcert(*arguments, *act)
    assert ended.code == 0
    assert "acme/sensor-1/FOO: hello" in ended.out
    assert "sensor-1 published" in ended.out


def test_a_refusal_is_one_line_exit_code_1_and_in_the_json(
    birthcert: Callable[..., Any], arguments: list[str], desk: Path
) -> None:
    """Scripts and people read the same reason."""
    act = ["--topic", "other/x", "--message-file", str(desk / "foo.txt"), "--json"]
    ended = birthcert(*arguments, *act)
    report = json.loads(ended.out)
    assert ended.code == 1
    assert (report["connected"], report["published"]) == (True, False)
    assert ended.errors == [f"error: {report['problems'][0]}"]


@pytest.mark.parametrize(
    ("more", "part"),
    [
        pytest.param(["--topic", "a/#"], "wildcard", id="topic"),
        pytest.param(["--protocol", "mqtt4"], "protocol", id="protocol"),
        pytest.param(["--key", "gone.pem"], "gone.pem", id="key"),
        pytest.param(["--port", "many"], "port", id="port"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    birthcert: Callable[..., Any], arguments: list[str], more: list[str], part: str
) -> None:
    """Nothing reached AWS."""
    kept = arguments[:5] if more[0] == "--key" else arguments
    ended = birthcert(*kept, *more)
    assert (ended.code, len(ended.errors), ended.calls) == (2, 1, {})
    assert part in ended.errors[0]


def test_a_canary_is_a_table_or_json(birthcert: Callable[..., Any], bootstrapped: str) -> None:
    """Each check with its outcome, for people and for scripts."""
    told = birthcert("canary", "--tenant", "acme")
    assert told.code == 0
    assert "own message received" in told.out
    report = json.loads(birthcert("canary", "--tenant", "acme", "--json").out)
    assert {check["outcome"] for check in report["checks"]} == {"passed"}


def test_a_canary_that_fails_is_one_line_and_exit_code_1(
    birthcert: Callable[..., Any], bootstrapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check and its reason."""
    monkeypatch.setenv("BIRTHCERT_DEVICE_PORT", "1")
    ended = birthcert("canary", "--tenant", "acme")
    assert ended.code == 1
    assert "nothing answers at localhost:1" in ended.errors[0]
    assert len(ended.errors) == 1
