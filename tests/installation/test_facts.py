"""What an installation keeps: secrets drawn once, for the owner's eyes; wrong use is said."""

import socket
from pathlib import Path

import pytest

from birthcert import cli
from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.installation import postgres
from birthcert.installation.facts import DEFAULT_PORT, Home, find_home, is_in_use


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    home = find_home(tmp_path / "up")
    home.make()
    return home


def test_secrets_are_drawn_once(home: Home) -> None:
    """The second `up` finds what the first one made."""
    first = home.read_or_make(None)
    assert first.port == DEFAULT_PORT
    assert home.read_or_make(None) == first
    assert len({first.api_password, first.database_password, first.encryption_key}) == 3


def test_secrets_are_for_the_owner_alone(home: Home) -> None:
    """Others may pass through the folder, as Postgres's user must, and read nothing in it."""
    home.read_or_make(None)
    assert home.facts.stat().st_mode & 0o777 == 0o600
    assert home.folder.stat().st_mode & 0o777 == 0o711
    assert home.state.stat().st_mode & 0o777 == 0o700


def test_another_port_keeps_the_secrets(home: Home) -> None:
    """Only the address changes; 0 keeps a free port that was taken before."""
    first = home.read_or_make(0)
    assert home.read_or_make(0) == first
    assert home.read_or_make(5_000) == first.model_copy(update={"port": 5_000})


def test_a_number_that_is_no_port(home: Home) -> None:
    """It is said before anything is made."""
    with pytest.raises(ConfigurationError, match="70000 is no port; choose 0 to 65535"):
        home.read_or_make(70_000)
    assert not home.facts.exists()


def test_secrets_show_in_no_text(home: Home) -> None:
    """A log line or traceback with the facts in it tells no secret."""
    known = home.read_or_make(None)
    shown = f"{known} {known!r}"
    for secret in (known.api_password, known.database_password, known.encryption_key):
        assert secret.get_secret_value() not in shown


def test_a_spoiled_file_is_not_drawn_anew(home: Home) -> None:
    """New secrets would open nothing of what is in the database."""
    home.facts.write_text("{")
    with pytest.raises(UnusableInput, match=r"installation\.json cannot be used; take it from"):
        home.read_or_make(None)


def test_no_postgres(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error names the package."""
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"not installed; install it: .* postgresql"):
        postgres.find_programs()


def test_no_prefect_yaml(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Elsewhere than in a project's folder nothing is made."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["up"]) == 2
    assert "prefect.yaml cannot be read" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_to_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Down without an installation says so and makes nothing."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["down"]) == 0
    assert capsys.readouterr().out == "nothing ran\n"
    assert not list(tmp_path.iterdir())


def test_a_port_of_a_stranger() -> None:
    """A port on which somebody listens is seen before a server is started on it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert is_in_use(port)
    assert not is_in_use(port)
