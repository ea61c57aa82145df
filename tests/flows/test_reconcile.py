"""The flow `reconcile`: every way in which ledger, AWS and files disagree, put right at once."""

import json
import sqlite3
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import issuing_authority
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.errors import AwsUnreachable
from birthcert.issuance.batch import Batch, checked_rows
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device
from birthcert.issuance.engine import issue_chunk
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.output import prepare_output
from birthcert.ledger.ledger import Ledger
from birthcert.models import (
    BootstrapRequest,
    IssueRequest,
    Place,
    ReconcileReport,
    ReconcileRequest,
    Subject,
)
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.pki.templates import template_arn
from birthcert.sandbox.server import Sandbox

Run = Callable[[Any], Any]
REGION = "eu-west-1"
DEVICES = ("whole", "lost", "unasked", "fileless", "denied", "mistaken", "fresh")
ISSUE = "acm-pca.IssueCertificate"


class Workbench:
    """One tenant's batch, device by device, by the engine itself: no retries, any fault."""

    def __init__(self, folder: Path, sandbox: Sandbox, account: str) -> None:
        self.folder, self._sandbox = folder, sandbox
        self.aws = AwsAccess(REGION, retry_seconds=0)
        self.place = Place(
            partition="aws", account=account, region=REGION, sandbox=sandbox.state.instance
        )
        self.request = IssueRequest(
            tenant="acme", manifest=str(folder / "manifest.csv"), out=str(folder / "out")
        )
        self.authority = issuing_authority(self.aws, self.request, self.place)
        self.bucket = f"audit-{account}"
        location = {"LocationConstraint": REGION}
        self.aws.call("s3", "CreateBucket", Bucket=self.bucket, CreateBucketConfiguration=location)

    def ledger(self) -> Ledger:
        """The ledger that the flows use."""
        return Ledger.open(None, self.folder / "state")

    def write_manifest(self) -> None:
        """Each device with a key of its own."""
        lines = ["device_id,csr"]
        for name in DEVICES:
            csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
            (self.folder / f"{name}.csr").write_bytes(csr)
            lines.append(f"{name},{name}.csr")
        Path(self.request.manifest).write_text("\n".join(lines) + "\n")

    def issue_each(self, faults: dict[str, str]) -> None:
        """Issue device by device; `faults`: the effect that IssueCertificate has for a device."""
        out = prepare_output(self.request.out)
        devices = [row for row in checked_rows(self.request) if isinstance(row, Device)]
        with (
            self.ledger() as ledger,
            Batch(self.request, self.place, self.authority, ledger=ledger, out=out) as batch,
            Crew(1) as crew,
        ):
            for device in devices:
                fault = faults.get(device.device_id)
                rules = [{"action": ISSUE, "effect": fault}] if fault else []
                self._sandbox.state.knobs.update({"calls": rules})
                with suppress(AwsUnreachable):
                    issue_chunk(
                        [device],
                        authority=PrivateCaIssuer(self.aws, self.authority, "aws"),
                        ledger=ledger,
                        batch_id=batch.id,
                        options=IssueOptions(),
                        outlet=out.outlet(1),
                        crew=crew,
                        stop=threading.Event(),
                    )
        self._sandbox.state.knobs.update({"calls": []})

    def buy(self, name: str, csr: bytes | None = None) -> str:
        """A certificate past the ledger; its ARN."""
        key = generate_private_key("EC_prime256v1")
        answer = self.aws.call(
            "acm-pca",
            "IssueCertificate",
            CertificateAuthorityArn=self.authority.arn,
            Csr=csr or build_csr(key, Subject(common_name=name)),
            SigningAlgorithm=self.authority.signing_algorithm,
            TemplateArn=template_arn("EndEntityClientAuthCertificate/V1"),
            Validity={"Type": "DAYS", "Value": 10},
            IdempotencyToken=name,
        )
        return str(answer["CertificateArn"])

    def spoil_ledger(self, sql: str, *values: str) -> None:
        """Change the ledger's file by hand."""
        with closing(sqlite3.connect(self.folder / "state" / "ledger.sqlite3")) as connection:
            assert connection.execute(sql, values).rowcount == 1
            connection.commit()

    def own(self) -> list[str]:
        """The kinds of the certificates that the ledger knows to be no device's."""
        with self.ledger() as ledger:
            return sorted(ledger.own_book.of(self.place, self.authority.arn).values())

    def states(self) -> dict[str, str]:
        """The ledger's state of each device."""
        with self.ledger() as ledger:
            return {record.device_id: record.state for record in ledger.records()}

    def sold(self) -> Counter[str]:
        """How many certificates that are not revoked AWS's books have of each device."""
        with urllib.request.urlopen(f"{self._sandbox.url}/_sandbox/books") as answer:
            certificates = json.load(answer)["certificates"]
        return Counter(
            each["subject"].removeprefix("CN=")
            for each in certificates
            if each["authority_arn"] == self.authority.arn and not each["revoked"]
        )


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


def sold_to(bench: Workbench, device: str) -> str:
    """The ARN of a device's certificate in AWS's books."""
    with urllib.request.urlopen(f"{bench._sandbox.url}/_sandbox/books") as answer:
        certificates = json.load(answer)["certificates"]
    return next(c["certificate_arn"] for c in certificates if c["subject"] == f"CN={device}")


def revoke(bench: Workbench, arn: str) -> None:
    """Revoke a certificate in Private CA."""
    bench.aws.call(
        "acm-pca",
        "RevokeCertificate",
        CertificateAuthorityArn=bench.authority.arn,
        CertificateSerial=arn.rpartition("/")[2],
        RevocationReason="SUPERSEDED",
    )


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


def test_the_artifact_has_the_table(runs: dict[str, Any]) -> None:
    """Prefect's UI shows what was found."""
    from prefect.artifacts import Artifact

    artifact = Artifact.get("reconcile-acme-eu-west-1")
    assert artifact is not None
    assert "| foreign | 1 |" in str(artifact.data)
