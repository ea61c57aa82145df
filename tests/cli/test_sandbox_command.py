"""`birthcert sandbox`: served in the foreground, and a shell pointed at it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

AWS = Path(sys.executable).parent / "aws"
COMMAND = [sys.executable, "-m", "birthcert", "sandbox"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A sandbox of the command line, its folder and the line that it printed."""
    folder = tmp_path_factory.mktemp("served")
    command = [*COMMAND, "serve", "--dir", str(folder), "--account", "123456789012"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--region", "eu-central-1"], stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield folder, json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_the_line_is_the_file(served: tuple[Path, dict[str, Any]]) -> None:
    """What is printed when it is ready is what sandbox.json says."""
    folder, line = served
    assert json.loads((folder / "sandbox.json").read_text()) == line
    assert (line["account_id"], line["region"]) == ("123456789012", "eu-central-1")


def test_bash_evaluates_the_exports(served: tuple[Path, dict[str, Any]]) -> None:
    """After eval the aws CLI calls the sandbox, whatever the shell had set before."""
    folder, _ = served
    script = f'''
    export AWS_PROFILE=production AWS_SESSION_TOKEN=old AWS_ENDPOINT_URL_STS=http://127.0.0.1:9
    eval "$("{sys.executable}" -m birthcert sandbox env --dir "{folder}")"
    echo "${{AWS_PROFILE-unset}} ${{AWS_SESSION_TOKEN-unset}} $AWS_REGION"
    "{AWS}" sts get-caller-identity --query Account --output text
    '''
    ended = subprocess.run(
        ["bash", "-euc", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout.split() == ["unset", "unset", "eu-central-1", "123456789012"], ended.stderr


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(["--quotas", "some"], "choose one of off, aws", id="quotas"),
        pytest.param(["--knob", "iam_delay_seconds"], "is not NAME=JSON", id="knob's form"),
        pytest.param(["--knob", "no_such=1"], "knob no_such", id="unknown knob"),
        pytest.param(["--port", "70000"], "70000 is no port", id="port"),
    ],
)
def test_a_wrong_flag_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], expected: str
) -> None:
    """One line and exit code 2, and no sandbox.json."""
    from birthcert.cli import run

    assert run(["sandbox", "serve", "--dir", str(tmp_path), *flags]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "sandbox.json").exists()
