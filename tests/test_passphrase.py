"""The passphrase of private keys."""

import logging

import pytest

from birthcert.errors import ConfigurationError
from birthcert.passphrase import read_passphrase


@pytest.mark.parametrize(
    "content",
    [b"correct horse", b"correct horse\n", b"correct horse\r\n"],
    ids=["no line end", "LF", "CRLF"],
)
def test_a_files_line_end_is_no_part_of_the_passphrase(tmp_path, content, caplog):
    """However an editor ends the line; and a file for its owner alone warns of nothing."""
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    file.chmod(0o600)
    assert read_passphrase(str(file), {}) == b"correct horse"
    assert not caplog.records


def test_a_file_goes_before_the_environment(tmp_path):
    """The variable serves where no file is named."""
    environment = {"BIRTHCERT_KEY_PASSPHRASE": "from outside"}
    (tmp_path / "passphrase").write_text("from a file")
    assert read_passphrase(str(tmp_path / "passphrase"), environment) == b"from a file"
    assert read_passphrase(None, environment) == b"from outside"


def test_a_file_that_others_can_read_is_warned_of(tmp_path, caplog):
    """The warning names the file and the command that closes it, never the passphrase."""
    file = tmp_path / "passphrase"
    file.write_text("correct horse")
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        read_passphrase(str(file), {})
    assert f"chmod 600 {file}" in caplog.text
    assert "horse" not in caplog.text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n", "is empty", id="line end only"),
        pytest.param(b"1234567", "7 bytes long", id="short"),
        pytest.param(b"x" * 1_024, "too long", id="long"),
        pytest.param(b"x" * 5_000, "too long", id="much too long"),
        pytest.param(b"correct horse\nbattery\n", "more than one line", id="two lines"),
    ],
)
def test_a_passphrase_of_no_use_is_refused_without_showing_it(tmp_path, content, says):
    """The error says what is wrong and what would do, not what was given."""
    (tmp_path / "passphrase").write_bytes(content)
    with pytest.raises(ConfigurationError, match=says) as caught:
        read_passphrase(str(tmp_path / "passphrase"), {})
    assert "8 to 1,023 bytes" in caught.value.remedy
    assert "horse" not in str(caught.value)


def test_no_passphrase_at_all_is_a_configuration_error(tmp_path):
    """Neither a file nor the variable; or a file that is not there."""
    with pytest.raises(ConfigurationError, match="BIRTHCERT_KEY_PASSPHRASE"):
        read_passphrase(None, {})
    with pytest.raises(ConfigurationError, match="No such file"):
        read_passphrase(str(tmp_path / "nowhere"), {})
