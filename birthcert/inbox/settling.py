"""What becomes of a submission: done or failed, with its report beside it."""

import shutil
from typing import Final

from birthcert.errors import BirthcertError, UnusableInput
from birthcert.inbox.submission import Submission, Verdict
from birthcert.issuance.output import REPORT
from birthcert.models import (
    BatchRequest,
    InboxReport,
    InboxRequest,
    IssueReport,
    IssueRequest,
    SubmissionReport,
)
from birthcert.storage.stores import Storage

ERROR: Final = "error.txt"


class SubmissionsFailed(BirthcertError):
    """Some submissions are in failed/: their manifests are of no use, or AWS failed devices."""


def issue_request(request: InboxRequest, submission: Submission) -> IssueRequest:
    """The batch that a submission asks for; its output folder is named after it for ever."""
    options = {name: getattr(request, name) for name in BatchRequest.model_fields}
    options["out"] = f"{request.out.rstrip('/')}/{submission.name}"
    return IssueRequest(manifest=submission.address, **options)


def verdict_of(outcome: IssueReport | UnusableInput) -> Verdict:
    """`done` where every device has a certificate or a refusal of its own, and one has the first.

    `failed`: the manifest is of no use, AWS failed devices, or not one got a certificate.
    """
    if isinstance(outcome, UnusableInput):
        return "failed"
    return "failed" if outcome.failed or not outcome.issued + outcome.existing else "done"


def put_report(
    submission: Submission, outcome: IssueReport | UnusableInput, storage: Storage
) -> None:
    """report.csv, or error.txt with the one line, beside the manifest; raises UnwritableOutput."""
    if isinstance(outcome, UnusableInput):
        submission.folder.write(ERROR, f"{outcome}\n".encode())
        return
    folder, name = storage.file(outcome.report)
    with folder.open(name) as source, submission.folder.replacing(REPORT) as report:
        shutil.copyfileobj(source.stream, report)


def submission_report(
    submission: Submission, outcome: IssueReport | UnusableInput, folder: str
) -> SubmissionReport:
    """The facts of a settled submission, which now lies in `folder`."""
    verdict = verdict_of(outcome)
    if isinstance(outcome, UnusableInput):
        return SubmissionReport(
            name=submission.name, verdict=verdict, folder=folder, reason=str(outcome)
        )
    return SubmissionReport(
        name=submission.name,
        verdict=verdict,
        folder=folder,
        **outcome.model_dump(include={"issued", "existing", "refused", "failed"}),
    )


def check_settled(report: InboxReport) -> InboxReport:
    """The report; SubmissionsFailed where a submission failed, so that the run is seen to fail."""
    failed = [each.folder for each in report.submissions if each.verdict == "failed"]
    if failed:
        raise SubmissionsFailed(
            f"{len(failed)} of {len(report.submissions)} submissions failed: {', '.join(failed)}",
            remedy="read the report there, correct it, and move the files into the inbox again",
        )
    return report


def inbox_markdown(report: InboxReport) -> str:
    """What an inbox held, as a page of Prefect's UI."""
    lines = [f"# Inbox of {report.tenant}", "", f"`{report.inbox}`", ""]
    lines += ["| submission | verdict | issued | existing | refused | failed | where |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for each in report.submissions:
        counts = f"{each.issued} | {each.existing} | {each.refused} | {each.failed}"
        where = f"`{each.folder}` {each.reason}".replace("|", "\\|")
        lines.append(f"| {each.name} | {each.verdict} | {counts} | {where} |")
    return "\n".join(lines)
