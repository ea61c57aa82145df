"""docs/sandbox.md says what is so: its commands and its knobs are run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.sandbox.knobs import CallFault, Knobs
from birthcert.sandbox.server import Sandbox

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


def blocks(language: str) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize("script", [pytest.param(each, id=each[:40]) for each in blocks("sh")])
def test_every_command_runs(sandbox: Sandbox, script: str) -> None:
    """Each shell block works with nothing but the sandbox's environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=sandbox.environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout


def test_every_knob_has_an_example_that_works(visit: Callable[..., tuple[int, bytes, Any]]) -> None:
    """Each JSON block is accepted as it stands, and together they show every knob and effect."""
    shown: set[str] = set()
    for block in blocks("json"):
        status, answer, _ = visit("/_sandbox/faults", method="POST", data=block.encode())
        assert status == 200, answer
        shown |= json.loads(block).keys()
    assert shown == set(Knobs.model_fields)
    effects = CallFault.model_json_schema()["properties"]["effect"]["enum"]
    assert all(f"| `{effect}` |" in TEXT for effect in effects)


def test_every_page_is_named(visit: Callable[..., tuple[int, bytes, Any]]) -> None:
    """The table of pages has all of them."""
    pages = json.loads(visit("/_sandbox/")[1])["pages"]
    assert all(page in TEXT for page in pages)


def test_the_python_example_is_the_real_api(sandbox: Sandbox) -> None:
    """The names in the Python block exist, and the block compiles."""
    (block,) = blocks("python")
    compile(block, "docs/sandbox.md", "exec")
    assert "Sandbox.start(" in block
    assert callable(Sandbox.start)
    assert sandbox.url.startswith("http://127.0.0.1:")
