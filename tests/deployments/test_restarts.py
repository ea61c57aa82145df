"""Servers that go away in the middle of a run: it goes on by itself, or the next one does."""

from typing import Any

import pytest

ACME = "111111111111"
QUICK = {"certificate_authority": {"key_algorithm": "EC_prime256v1"}, "canary": False}
SLOWLY = {"threads": 1, "chunk_size": 5}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def acme(team: Any) -> None:
    """The tenant acme, bootstrapped."""
    assert team.ended(team.start("bootstrap-acme", **QUICK))["name"] == "Completed"


def begun(team: Any, fleet: list[str]) -> str:
    """A batch of the fleet in its middle; the run's id."""
    team.submit("acme", f"{fleet[0]}.jsonl", fleet)
    run: str = team.start("inbox-acme", **SLOWLY)
    team.until(lambda: len(set(fleet) & team.devices_of(ACME).keys()) >= 5)
    return run


def test_a_run_goes_on_when_its_server_was_restarted(team: Any, acme: None) -> None:
    """Prefect's server killed and brought up again: the same run ends, at its first try."""
    fleet = [f"lathe-{number}" for number in range(60)]
    run, parts = begun(team, fleet), team.parts()
    team.kill("server")
    team.up()
    now = team.parts()
    assert {name for name in now if now[name] != parts[name]} == {"server"}
    assert team.ended(run)["name"] == "Completed"
    assert team.flow_run(run)["run_count"] == 1
    assert {each: team.devices_of(ACME)[each] for each in fleet} == dict.fromkeys(fleet, 1)


def test_the_next_run_goes_on_when_postgres_was_restarted(team: Any, acme: None) -> None:
    """The ledger went away too: the batch stays claimed, and the next run ends it, buying once."""
    fleet = [f"drill-{number}" for number in range(60)]
    run = begun(team, fleet)
    team.kill("postgres")
    team.up()
    team.ended(run)
    assert team.ended(team.start("inbox-acme"))["name"] == "Completed"
    assert {each: team.devices_of(ACME)[each] for each in fleet} == dict.fromkeys(fleet, 1)
