"""The helper's processes."""

import os
from pathlib import Path

import pytest

from birthcert.issuance.helper import Helper


def test_a_strangers_module_in_the_working_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A factory's folder may be the working folder, whatever lies in it."""
    for name in ("pickle.py", "birthcert.py"):
        (tmp_path / name).write_text("raise SystemExit('a stranger was here')")
    monkeypatch.chdir(tmp_path)
    with Helper(1) as helper:
        process = helper.call(os.getpid)
    assert process != os.getpid()


def test_what_a_call_raises_is_raised_where_it_was_asked() -> None:
    """The error of the other process, and the process goes on."""
    with Helper(1) as helper:
        with pytest.raises(ValueError, match="invalid literal"):
            helper.call(int, "x")
        assert helper.call(int, "7") == 7
