"""What becomes of a submission."""

import pytest

from birthcert.errors import UnusableInput
from birthcert.inbox.settling import SubmissionsFailed, check_settled, verdict_of
from birthcert.models import InboxReport, IssueReport, SubmissionReport


def report(**counts: int) -> IssueReport:
    """A batch's report with these counts, the others nothing."""
    numbers = dict.fromkeys(("issued", "existing", "refused", "failed"), 0) | counts
    facts = {"tenant": "acme", "account": "1" * 12, "region": "eu-west-1", "authority_arn": "arn"}
    rest = {"seconds": 1, "certificates_per_second": 1, "throttled": 0, "report": "", "out": ""}
    return IssueReport.model_validate(
        {**facts, **rest, **numbers, "requested": sum(numbers.values())}
    )


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        pytest.param(report(issued=3), "done", id="all issued"),
        pytest.param(report(existing=3), "done", id="all there before"),
        pytest.param(report(issued=2, refused=1), "done", id="some refused"),
        pytest.param(report(refused=3), "failed", id="all refused"),
        pytest.param(report(issued=2, failed=1), "failed", id="AWS failed one"),
        pytest.param(UnusableInput("no manifest"), "failed", id="no manifest"),
    ],
)
def test_a_submission_is_done_or_failed(outcome: IssueReport | UnusableInput, verdict: str) -> None:
    """Refusals are the devices' own; what AWS failed, or a batch with nothing, is a failure."""
    assert verdict_of(outcome) == verdict


def test_a_run_with_a_failed_submission_fails_and_names_it() -> None:
    """The error says which folders to look into."""
    settled = [
        SubmissionReport(name="a", verdict="done", folder="inbox/done/a"),
        SubmissionReport(name="b", verdict="failed", folder="inbox/failed/b"),
    ]
    with pytest.raises(SubmissionsFailed, match=r"1 of 2 submissions failed: inbox/failed/b;"):
        check_settled(InboxReport(tenant="acme", inbox="inbox", submissions=settled))
