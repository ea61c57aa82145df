"""The team's commands when they cannot be carried out: one line, and nothing touched."""

import shutil
from pathlib import Path

import pytest

from birthcert.cli import run

OURS = Path(__file__).parents[2] / "prefect.yaml"
PLACE = ["--account", "333333333333", "--region", "eu-west-1"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(["Initech", *PLACE], "tenant 'Initech': String should match", id="name"),
        pytest.param(
            ["initech", *PLACE[:1], "12", *PLACE[2:]], "account '12': String", id="account"
        ),
        pytest.param(["initech", *PLACE[:3], "eu-moon-1"], "no region 'eu-moon-1'", id="region"),
        pytest.param(["acme", *PLACE], "is in prefect.yaml already", id="there already"),
        pytest.param(["initech", *PLACE, "--file", "none"], "none cannot be read", id="no file"),
    ],
)
def test_a_tenant_that_cannot_be_added(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
) -> None:
    """Wrong usage is exit code 2 with what is wrong, and prefect.yaml stays as it was."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(OURS, "prefect.yaml")
    assert run(["tenant", "add", *arguments]) == 2
    assert problem in capsys.readouterr().err
    assert Path("prefect.yaml").read_text() == OURS.read_text()


def test_a_server_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An arrival that nobody hears of is a failure with the server's address."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert run(["notify", "--tenant", "acme"]) == 1
    assert "http://127.0.0.1:9/api does not answer" in capsys.readouterr().err
