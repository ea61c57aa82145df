"""What Prefect's server does by itself for our deployments: dead runs, and notifications.

Kept under their names: registering again brings them up to date and never makes a second one.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from birthcert.tenants.events import AUTHORITY_ENDING, BATCH_REFUSED, QUOTA_NEAR_END
from birthcert.tenants.stanza import COMMON_TAG

# heartbeats come every 30 s: two may be late before a run is taken for dead
SILENCE: Final = timedelta(seconds=75)
# a worker that has taken a run starts it: Docker and Kubernetes may have to fetch an image first
STARTED_WITHIN: Final = timedelta(minutes=5)
# a run that kills its worker each time must not go on for ever
RUNS_AT_MOST: Final = 3
Labels = ResourceSpecification | dict[str, str | list[str]]
OURS: Final[Labels] = {
    "prefect.resource.id": f"prefect.tag.{COMMON_TAG}",
    "prefect.resource.role": "tag",
}
EACH_RUN: Final = {"prefect.resource.id"}
HEARTBEAT: Final = "prefect.flow-run.heartbeat"
TERMINAL: Final = {
    f"prefect.flow-run.{state}"
    for state in ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Paused")
}
# what a run may be after Pending, as long as somebody has it
TAKEN: Final = {
    f"prefect.flow-run.{state}"
    for state in (
        *("Running", "Retrying", "Suspended"),
        *("Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot"),
    )
}
BODY: Final = (
    "{{ event.resource.name or event.resource.id }}\n"
    "{% for name, value in event.payload.items() %}{{ name }}: {{ value }}\n{% endfor %}"
)


def dead_runs() -> list[AutomationCore]:
    """A run that its worker does not start, or whose heartbeat stops, is Crashed; a Crashed run is
    run again, up to three times."""
    unstarted = _silent_is_crashed(
        "birthcert: a run that is not started is Crashed",
        "Its worker died with it in its hands: Prefect would call it Pending for ever.",
        "Not started for 5 minutes: the worker is gone.",
        after={"prefect.flow-run.Pending"},
        expect=TAKEN | TERMINAL,
        within=STARTED_WITHIN,
    )
    unheard = _silent_is_crashed(
        "birthcert: a run without heartbeat is Crashed",
        "The worker and its run died: Prefect would call it Running for ever.",
        "No heartbeat for 75 s: the worker is gone.",
        # a run may die before its first heartbeat
        after={"prefect.flow-run.Running", HEARTBEAT},
        expect={HEARTBEAT, *TERMINAL},
        within=SILENCE,
    )
    return [unstarted, unheard, _crashed_is_run_again()]


def _silent_is_crashed(
    name: str,
    description: str,
    message: str,
    *,
    after: set[str],
    expect: set[str],
    within: timedelta,
) -> AutomationCore:
    silence = EventTrigger(
        posture=Posture.Proactive,
        after=after,
        expect=expect,
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related=OURS,
        for_each=EACH_RUN,
        threshold=1,
        within=within,
    )
    crash = ChangeFlowRunState(
        name="Crashed",
        state=StateType.CRASHED,
        message=message,
        # the last heartbeat of a run may arrive after its end
        force=False,
    )
    return AutomationCore(name=name, description=description, trigger=silence, actions=[crash])


def _crashed_is_run_again() -> AutomationCore:
    crashed = EventTrigger(
        expect={"prefect.flow-run.Crashed"},
        match={
            "prefect.resource.id": "prefect.flow-run.*",
            "prefect.run-count": [str(count) for count in range(RUNS_AT_MOST)],
        },
        match_related=OURS,
        for_each=EACH_RUN,
    )
    run_again = ChangeFlowRunState(
        name="AwaitingRetry",
        state=StateType.SCHEDULED,
        message="The run before was cut off: this one goes on.",
        force=True,
    )
    return AutomationCore(
        name="birthcert: a Crashed run is run again",
        description=f"Another worker goes on with it, {RUNS_AT_MOST} runs in all.",
        trigger=crashed,
        actions=[run_again],
    )


def notifications(block_document_id: UUID) -> list[AutomationCore]:
    """What people are told, through the notification block of this id."""
    told = {
        "a batch has refusals": EventTrigger(expect={BATCH_REFUSED}),
        "a certificate authority nears its end": EventTrigger(expect={AUTHORITY_ENDING}),
        "a quota nears its end": EventTrigger(expect={QUOTA_NEAR_END}),
        "a run failed": EventTrigger(expect={"prefect.flow-run.Failed"}, match_related=OURS),
    }
    return [
        AutomationCore(
            name=f"birthcert: tell that {what}",
            trigger=trigger,
            actions=[
                SendNotification(
                    block_document_id=block_document_id, subject=f"birthcert: {what}", body=BODY
                )
            ],
        )
        for what, trigger in told.items()
    ]


def keep(client: SyncPrefectClient, automations: list[AutomationCore]) -> list[str]:
    """Create each automation, or update the one of its name; returns the names.

    One that is as it should be is not touched: an update forgets the runs that it is watching.
    """
    for given in automations:
        # an update leaves out what was not set, and the server then refuses it
        automation = AutomationCore.model_validate(
            given.model_dump(mode="json", exclude={"owner_resource"})
        )
        known = client.read_automations_by_name(automation.name)
        if not known:
            client.create_automation(automation)
        elif _content(known[0]) != _content(automation):
            client.update_automation(known[0].id, automation)
    return [automation.name for automation in automations]


def _content(automation: AutomationCore) -> Any:
    """What an automation says, without the ids that the server gives to its parts.

    Not as JSON, where the events of a trigger have an order that differs by chance.
    """
    fields = set(AutomationCore.model_fields) - {"owner_resource"}
    return _without_ids(automation.model_dump(include=fields))


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_ids(each) for name, each in value.items() if name != "id"}
    return [_without_ids(each) for each in value] if isinstance(value, list) else value
