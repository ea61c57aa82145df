"""Compare the ledger with what Private CA has issued, and put it right; buys nothing.

Needs a bucket whose policy lets Private CA write its audit report (docs/reconcile.md). AWS is the
truth: certificates whose answer was lost are adopted, requests that surely bought nothing may be
made again, and files that are not in their batch's folder are written again. What is no device's
of the ledger is listed for the user to judge. A dry run asks for the report and changes nothing.
"""

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.utilities.annotations import quote

from birthcert.models import ReconcileReport, ReconcileRequest
from birthcert.reconciliation.reports import reconcile_markdown, reconcile_report
from birthcert.reports import page_key
from flows.runbook import Runbook
from tasks.caller import check_caller
from tasks.reconcile import (
    compare_with_ledger,
    correct_ledger,
    find_audited_authority,
    make_audit_report,
    repair_outputs,
)


@flow(name="reconcile", flow_run_name="reconcile · {request.tenant}")
def reconcile(request: ReconcileRequest) -> ReconcileReport:
    """Audit report, comparison, corrections, repairs."""
    run = Runbook()
    place = run(check_caller, request).place
    authority = run(find_audited_authority, request, place)
    audited = run(make_audit_report, request, place, authority)
    found = compare_with_ledger(request, place, authority, audited)
    corrected = correct_ledger(request, place, authority, quote(found))  # type: ignore[call-overload]
    repaired = repair_outputs(request, place, authority)
    report = reconcile_report(
        request=request,
        place=place,
        authority=authority,
        audited=audited,
        found=found,
        discrepancies=[*corrected, *repaired],
        seconds=run.seconds,
    )
    create_markdown_artifact(
        key=page_key("reconcile", request.tenant, place), markdown=reconcile_markdown(report)
    )
    return report
