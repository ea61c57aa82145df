"""Flow runs whose process is gone: known by their tag, and Crashed when the next one starts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def client(prefect: None) -> Iterator[Any]:
    """Prefect's API."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as connected:
        yield connected


@pytest.fixture(scope="module")
def dead_pid() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def running(client: Any, flow_name: str, pid: int) -> Any:
    """The id of a run that Prefect takes for running, begun by the process of that number."""
    from prefect import flow
    from prefect.states import Running

    from flows.leftovers import process_tags

    @flow(name=flow_name)
    def some(request: dict[str, str]) -> None:
        """Never run here."""

    tags = [tag.rpartition(":")[0] + f":{pid}" for tag in process_tags()]
    facts = {"parameters": {"request": {"tenant": "wayne"}}, "tags": tags}
    return client.create_flow_run(some, state=Running(), **facts).id


def test_only_our_run_of_a_dead_process_is_crashed(client: Any, dead_pid: int) -> None:
    """One whose process lives goes on, and other flows are not ours to end."""
    from flows.leftovers import crash_leftovers, recent_runs

    runs = {
        "dead": running(client, "issue", dead_pid),
        "alive": running(client, "issue", os.getpid()),
        "stranger": running(client, "not-ours", dead_pid),
    }
    seen = {each.id: each.state for each in recent_runs("wayne")}
    assert seen == {str(runs["dead"]): "left behind", str(runs["alive"]): "Running"}
    assert len(crash_leftovers()) == 1
    after = {name: client.read_flow_run(run).state_name for name, run in runs.items()}
    assert after == {"dead": "Crashed", "alive": "Running", "stranger": "Running"}
    assert crash_leftovers() == []


def test_a_run_of_another_machine_is_left_alone(client: Any, dead_pid: int) -> None:
    """Its process cannot be looked for here: the same number means another one."""
    from flows import leftovers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leftovers, "_space_digest", lambda: "another-boot")
        run = running(client, "bootstrap", dead_pid)
    assert leftovers.crash_leftovers() == []
    assert client.read_flow_run(run).state_name == "Running"


def test_a_tenants_runs_are_listed_alone(client: Any) -> None:
    """The list is a tenant's where one is given."""
    from flows.leftovers import recent_runs

    assert recent_runs("nobody") == []
    assert {each.tenant for each in recent_runs("wayne")} == {"wayne"}
