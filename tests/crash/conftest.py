"""A laboratory for deaths: a sandbox in a process of its own, and processes to kill."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# the laboratory also serves benchmarks/torture.py, so it is a plain module beside the tests
sys.path.insert(0, str(Path(__file__).parent))

import crash_books
import crash_lab

AT_ONCE = {"ca_creation_seconds": 0, "issuance_seconds": [0, 0], "iam_delay_seconds": 0}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[crash_lab.Lab]:
    """One laboratory for all tests of a process."""
    with crash_lab.open_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def at_once(lab: crash_lab.Lab) -> Iterator[None]:
    """AWS answers without any delay: then a run's calls always come in the same order."""
    with lab.knobs(**AT_ONCE):
        yield


@pytest.fixture
def desk(lab: crash_lab.Lab) -> crash_lab.Desk:
    """An operator with an empty account."""
    return lab.desk()


@pytest.fixture(scope="session")
def csrs() -> crash_lab.CsrStore:
    """A hundred CSRs."""
    return crash_lab.CsrStore(100)


@pytest.fixture(scope="session")
def ready_desk(lab: crash_lab.Lab) -> Iterator[crash_lab.Desk]:
    """An operator whose account is bootstrapped; every fleet has names of its own."""
    desk = lab.desk()
    with lab.knobs(**AT_ONCE):
        assert not desk.bootstrap().error
    yield desk
    crash_books.assert_no_open_key(desk.folder)
