"""`sandbox env`: what a shell is told of a sandbox that runs, has ended or never was."""

import json
from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import ConfigurationError
from birthcert.sandbox.command import shell_exports
from birthcert.sandbox.server import Sandbox


def test_a_running_sandbox_is_told(sandbox: Sandbox) -> None:
    """Its address, and what of the user's own would lead elsewhere is unset."""
    lines = shell_exports(sandbox.description.directory).splitlines()
    assert f"export AWS_ENDPOINT_URL={sandbox.url}" in lines
    assert "unset AWS_PROFILE" in lines


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"endpoint_url": "http://127.0.0.1:1"}, "has ended", id="nobody answers"),
        pytest.param({"instance": "another"}, "has ended", id="another sandbox answers"),
        pytest.param({"endpoint_url": "nowhere"}, "has ended", id="no address"),
        pytest.param({"unset": None}, "no sandbox in", id="of another release"),
        pytest.param(None, "no sandbox in", id="no facts"),
    ],
)
def test_one_that_cannot_be_used_is_one_clear_line(
    sandbox: Sandbox, tmp_path: Path, changes: dict[str, Any] | None, says: str
) -> None:
    """A shell must not be pointed at a port where nobody or somebody else listens."""
    facts = json.loads((sandbox.description.directory / "sandbox.json").read_text())
    text = json.dumps(facts | changes) if changes is not None else "[]"
    (tmp_path / "sandbox.json").write_text(text)
    with pytest.raises(ConfigurationError, match=says) as caught:
        shell_exports(tmp_path)
    assert "birthcert sandbox serve" in caught.value.remedy
    assert str(tmp_path) in caught.value.what
