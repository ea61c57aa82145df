"""The flow `reconcile`: every way in which ledger, AWS and files disagree, put right at once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from birthcert.models import (
    BootstrapRequest,
    ReconcileReport,
    ReconcileRequest,
)
from birthcert.sandbox.server import Sandbox
from tests.flows.workbench import DEVICES, ISSUE, Workbench, revoke, sold_to

Run = Callable[[Any], Any]


def by_outcome(report: ReconcileReport) -> dict[str, set[str]]:
    """Devices, or subjects of strangers, by outcome."""
    found: dict[str, set[str]] = {}
    for each in report.discrepancies:
        found.setdefault(each.outcome, set()).add(each.device_id or each.subject)
    return found


@pytest.fixture(scope="module")
def workbench(desk: Path, sandbox: Sandbox, run_bootstrap: Run) -> Workbench:
    """A tenant whose books disagree in every way that is known."""
    sandbox.state.knobs.update({"audit_report_interval_seconds": 0})
    request = {"tenant": "acme", "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
    account = run_bootstrap(BootstrapRequest.model_validate(request | {"canary": False})).report
    bench = Workbench(desk, sandbox, account.account)
    bench.write_manifest()
    bench.issue_each({"lost": "lose_answer", "unasked": "drop", "fresh": "drop"})
    long_ago = (datetime.now(UTC) - timedelta(minutes=20)).strftime("%Y-%m-%d %H:%M:%S.%f")
    for device in ("unasked", "denied", "mistaken"):
        bench.spoil_ledger(
            "UPDATE certificate SET requested_at = ? WHERE device_id = ?", long_ago, device
        )
    for device in ("denied", "mistaken"):
        bench.spoil_ledger(
            "UPDATE certificate SET certificate_arn = ? WHERE device_id = ?",
            f"{bench.authority.arn}/certificate/{device.encode().hex().zfill(32)}",
            device,
        )
    # of one the books of AWS have a certificate nevertheless, of the other none that is valid
    revoke(bench, sold_to(bench, "denied"))
    revoke(bench, bench.buy("revoked-stranger"))
    bench.buy("stranger")
    bench.buy("second", (desk / "whole.csr").read_bytes())
    (desk / "out" / "fileless" / "chain.pem").unlink()
    return bench


@pytest.fixture(scope="module")
def runs(workbench: Workbench, sandbox: Sandbox, run_issue: Run) -> dict[str, Any]:
    """A dry run, a run, the batch again, and a last run; with what was seen in between."""
    from flows.reconcile import reconcile

    request = ReconcileRequest(tenant="acme", bucket=workbench.bucket)
    before = workbench.states()
    dry = reconcile(request.model_copy(update={"dry_run": True}))
    untouched, own_before = workbench.states(), workbench.own()
    sandbox.reset_calls()
    first = reconcile(request)
    calls = sandbox.calls()
    after = workbench.states()
    # AWS has forgotten the tokens of what the ledger says was asked for long ago
    sandbox.state.knobs.update({"token_lifetime_seconds": 0})
    issued = run_issue(workbench.request).report
    last = reconcile(request)
    return {
        "before": before,
        "dry": dry,
        "untouched": untouched,
        "own": (own_before, workbench.own()),
        "first": first,
        "calls": calls,
        "after": after,
        "issued": issued,
        "last": last,
    }


FOUND = {
    "adopted": {"lost", "mistaken"},
    "released": {"unasked"},
    "uncertain": {"fresh"},
    "foreign": {"CN=stranger"},
    "duplicate": {"whole"},
    "denied": {"denied", "mistaken"},
}


def test_each_disagreement_is_told(runs: dict[str, Any]) -> None:
    """Every device is where it belongs, and the counts are those of the lines."""
    report = runs["first"]
    found = by_outcome(report)
    assert found == {**FOUND, "repaired": {"lost", "mistaken", "fileless"}}
    assert {kind: getattr(report, kind) for kind in found} == {k: len(v) for k, v in found.items()}
    # two bought before their devices' rows lost them, one the CA's, one the verification's
    assert (report.known, report.own, report.ended) == (2, 2, 2)
    assert report.listed == report.known + report.own + report.ended + 4


def test_a_dry_run_tells_the_same_and_changes_nothing(runs: dict[str, Any]) -> None:
    """Ledger and files are as before, and what it says is what the run then does."""
    assert runs["untouched"] == runs["before"]
    found = by_outcome(runs["dry"])
    assert found == {**FOUND, "repaired": {"fileless"}}
    assert runs["dry"].dry_run


def test_what_is_no_devices_is_in_the_ledger_too(runs: dict[str, Any]) -> None:
    """The CA's own and the one that proved it to AWS IoT; a dry run leaves them out."""
    before, after = runs["own"]
    assert before == []
    assert after == ["authority", "verification"]


def test_the_ledger_follows_aws(runs: dict[str, Any]) -> None:
    """What AWS has is delivered, what it surely has not may be asked for again."""
    assert runs["before"]["lost"] == runs["before"]["unasked"] == "requested"
    assert runs["after"] == {
        "whole": "delivered",
        "lost": "delivered",
        "unasked": "intended",
        "fileless": "delivered",
        "denied": "failed",
        "mistaken": "delivered",
        "fresh": "requested",
    }


def test_reconciling_buys_nothing(runs: dict[str, Any]) -> None:
    """IssueCertificate is not called; what is missing in the ledger is only fetched."""
    assert ISSUE not in runs["calls"]
    assert runs["calls"]["acm-pca.CreateCertificateAuthorityAuditReport"] == {"ok": 1}


def test_then_the_batch_ends_with_one_certificate_each(
    runs: dict[str, Any], workbench: Workbench
) -> None:
    """The same issue again buys for those without one, and nobody has two but by our own hand."""
    issued = runs["issued"]
    assert (issued.issued, issued.existing, issued.failed) == (3, 4, 0)
    sold = workbench.sold()
    assert {device: sold[device] for device in DEVICES} == dict.fromkeys(DEVICES, 1) | {"whole": 2}
    assert set(workbench.states().values()) == {"delivered"}


def test_adopted_files_are_what_a_device_presents(
    runs: dict[str, Any], workbench: Workbench
) -> None:
    """A repaired folder holds the device's certificate, then the CA's."""
    chain = (workbench.folder / "out" / "lost" / "chain.pem").read_text()
    certificate = (workbench.folder / "out" / "lost" / "certificate.pem").read_text()
    assert chain == certificate + workbench.authority.certificate_pem.strip() + "\n"


def test_what_is_left_is_for_the_user(runs: dict[str, Any]) -> None:
    """The last run finds what only a person can judge, and its exit code says so."""
    assert by_outcome(runs["last"]) == {"foreign": {"CN=stranger"}, "duplicate": {"whole"}}
    assert (runs["first"].exit_code(), runs["last"].exit_code()) == (3, 3)


def test_the_artifact_has_the_table(runs: dict[str, Any], page: Callable[..., Any]) -> None:
    """Prefect's UI shows what was found."""
    artifact = page("reconcile")
    assert artifact is not None
    assert "| foreign | 1 |" in str(artifact.data)
