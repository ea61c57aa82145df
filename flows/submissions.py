"""A submission of an inbox as a batch; a manifest of no use ends itself and no other."""

from birthcert.errors import UnusableInput
from birthcert.inbox.settling import issue_request
from birthcert.inbox.submission import Submission
from birthcert.models import InboxRequest, IssueReport
from flows.issue import issue


def worked_on(request: InboxRequest, submission: Submission) -> IssueReport | UnusableInput:
    """The batch's report, or what is wrong with the manifest.

    Any other error is raised: the submission stays claimed, and a later run goes on with it.
    """
    try:
        # inside this run: its tags wall the batch in, and its page shows the batch's steps
        return issue.fn(issue_request(request, submission))
    except UnusableInput as error:
        return error
