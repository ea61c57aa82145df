"""A device endpoint with a CA registered for just-in-time provisioning, and devices for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.device.identities import Authority, new_authority
from tests.sandbox.device.lab import Lab, wait_for


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One endpoint for a module's tests; devices have names of their own."""
    made = Lab(tmp_path_factory.mktemp("lab"))
    made.prepare()
    yield made
    made.endpoint.stop()


@pytest.fixture
def knobs(lab: Lab) -> Iterator[Callable[..., None]]:
    """Turn knobs of the lab's sandbox for one test."""
    yield lambda **changes: lab.state.knobs.update(changes)
    lab.state.knobs.reset()
    lab.state.knobs.update({"iam_delay_seconds": 0})


@pytest.fixture
def wait() -> Callable[[Callable[[], Any]], Any]:
    """Wait for a condition."""
    return wait_for


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Labs with options of their own."""
    labs: list[Lab] = []

    def make(**options: Any) -> Lab:
        labs.append(Lab(tmp_path / str(len(labs)), **options))
        labs[-1].prepare()
        return labs[-1]

    yield make
    for each in labs:
        each.endpoint.stop()


@pytest.fixture(scope="session")
def another_authority() -> Callable[[str], Authority]:
    """A CA that no one registered yet."""
    return new_authority
