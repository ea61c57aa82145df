"""Automations are kept under their names, and left alone where they are as they should be."""

from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import DoNothing
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from blocks.automations import dead_runs, keep

# so many that no two sets of them, filled in different orders, have the same order
EVENTS = [f"birthcert.event-{number}" for number in range(100)]


# what prefect.states can make of a flow run beside Pending
STATES = (
    "Scheduled Late AwaitingRetry AwaitingConcurrencySlot Running Retrying Paused Suspended "
    "Completed Failed Crashed Cancelling Cancelled"
)


def automation(events: list[str], name: str) -> AutomationCore:
    """One that waits for events."""
    return AutomationCore(
        name=name, trigger=EventTrigger(expect=set(events)), actions=[DoNothing()]
    )


def stored(client: SyncPrefectClient, name: str) -> Any:
    """All that the server tells of it; the trigger's id is that of what it watches."""
    [known] = client.read_automations_by_name(name)
    found = client._client.get(f"/automations/{known.id}").json()
    assert found["trigger"]["id"]
    return found


def test_an_automation_that_is_as_it_should_be_is_not_touched(prefect: None) -> None:
    """Else it would forget the runs that it watches, and a dead one would be Running for ever."""
    with get_client(sync_client=True) as client:
        keep(client, [automation(EVENTS, "same")])
        before = stored(client, "same")
        keep(client, [automation(EVENTS[::-1], "same")])
        assert stored(client, "same") == before


def test_an_automation_that_changed_is_brought_up_to_date(prefect: None) -> None:
    """Under its name there is one still, which waits for what is wanted now."""
    with get_client(sync_client=True) as client:
        keep(client, [automation(EVENTS, "changed")])
        keep(client, [automation(EVENTS[:1], "changed")])
        [known] = client.read_automations_by_name("changed")
        assert known.trigger.expect == set(EVENTS[:1])


def test_a_run_that_its_worker_does_not_start_is_crashed_and_no_other() -> None:
    """Whatever follows Pending ends the waiting: only a run that stays so has lost its worker."""
    unstarted = dead_runs()[0]
    assert isinstance(unstarted.trigger, EventTrigger)
    assert unstarted.trigger.after == {"prefect.flow-run.Pending"}
    assert unstarted.trigger.expect == {f"prefect.flow-run.{name}" for name in STATES.split()}
