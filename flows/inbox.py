"""Certify what has arrived in a tenant's inbox: manifests with their CSRs, and loose CSRs.

Made to be scheduled: with nothing new it ends at once. Each submission is claimed before work, so
that two workers never take one, and lies in done/ or failed/ after it, with its report beside it.
What a run that died had claimed, the next one goes on with; nothing is bought twice.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from birthcert.inbox.settling import check_settled, inbox_markdown
from birthcert.models import InboxReport, InboxRequest
from birthcert.reports import page_key
from flows.chunks import CHUNKS_IN_FLIGHT
from flows.runbook import Runbook
from flows.submissions import worked_on
from tasks.caller import check_caller
from tasks.inbox import claim_submissions, settle_submission


@flow(
    name="inbox",
    flow_run_name="inbox · {request.tenant}",
    task_runner=ThreadPoolTaskRunner(max_workers=CHUNKS_IN_FLIGHT),  # type: ignore[arg-type]
)
def issue_inbox(request: InboxRequest) -> InboxReport:
    """Claim, certify, settle; the run fails where a submission did."""
    run = Runbook()
    place = run(check_caller, request).place
    settled = [
        settle_submission(request, place, submission, worked_on(request, submission))
        for submission in claim_submissions(request, place)
    ]
    report = InboxReport(tenant=request.tenant, inbox=request.inbox, submissions=settled)
    if settled:
        create_markdown_artifact(
            key=page_key("inbox", request.tenant, place), markdown=inbox_markdown(report)
        )
    return check_settled(report)
