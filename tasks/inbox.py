"""Steps of an inbox: claim what has arrived, settle what was worked on."""

import uuid
from pathlib import Path
from typing import Final

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run

from birthcert.errors import UnusableInput
from birthcert.inbox.folder import FolderInbox
from birthcert.inbox.s3 import S3Inbox
from birthcert.inbox.settling import put_report, submission_report, verdict_of
from birthcert.inbox.submission import Inbox, Submission
from birthcert.models import InboxRequest, IssueReport, Place, SubmissionReport
from birthcert.storage.s3 import S3Folder
from tasks.access import storage_for
from tasks.steps import told

BY_HAND: Final = "by-hand"


@task(
    task_run_name="claim submissions · {request.tenant} · {place.region}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@told
def claim_submissions(request: InboxRequest, place: Place) -> list[Submission]:
    """What is new in the inbox, and what runs that have ended left behind."""
    inbox, run = _inbox(request, place), str(flow_run.id or BY_HAND)
    for other in inbox.claimed_by():
        if other != run and _has_ended(other):
            inbox.adopt(other, by=run)
    return inbox.claim(run)


@task(
    task_run_name="settle {submission.name} · {request.tenant} · {place.region}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@told
def settle_submission(
    request: InboxRequest,
    place: Place,
    submission: Submission,
    outcome: IssueReport | UnusableInput,
) -> SubmissionReport:
    """The submission in done/ or failed/, its report beside it."""
    put_report(submission, outcome, storage_for(request, place))
    folder = _inbox(request, place).settle(submission, verdict_of(outcome))
    return submission_report(submission, outcome, folder)


def _inbox(request: InboxRequest, place: Place) -> Inbox:
    folder = storage_for(request, place).folder(request.inbox)
    return S3Inbox(folder) if isinstance(folder, S3Folder) else FolderInbox(Path(request.inbox))


def _has_ended(run: str) -> bool:
    """Whether a flow run will never go on; one that Prefect does not know will not."""
    try:
        run_id = uuid.UUID(run)
    except ValueError:
        return True
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run_id).state
        except ObjectNotFound:
            return True
    return state is not None and state.is_final()
