"""The flow `inbox`: what arrived is certified once, and lies in done/ or failed/."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.bucket import Bucket
from birthcert.inbox.settling import SubmissionsFailed
from birthcert.models import InboxReport
from birthcert.sandbox.server import Sandbox
from birthcert.walls import TenantWall

Run = Callable[..., InboxReport]
MakeCsr = Callable[[str], str]


def outcomes(folder: str) -> dict[str, str]:
    """The outcome of each device in a settled submission's report."""
    with (Path(folder) / "report.csv").open(newline="") as stream:
        return {row["device_id"]: row["outcome"] for row in csv.DictReader(stream)}


def issued(sandbox: Sandbox) -> int:
    """How many certificates were bought since the counts were reset."""
    return sandbox.calls().get("acm-pca.IssueCertificate", {}).get("ok", 0)


def test_an_empty_inbox_asks_aws_only_who_we_are(run_inbox: Run, sandbox: Sandbox) -> None:
    """With nothing new the run is complete after one call."""
    sandbox.reset_calls()
    assert run_inbox().submissions == []
    assert sandbox.calls() == {"sts.GetCallerIdentity": {"ok": 1}}


def test_manifests_and_loose_csrs_are_certified(
    run_inbox: Run, tenant: Path, csr_of: MakeCsr
) -> None:
    """A CSV with its CSRs, a JSONL and loose CSRs end in done/, each with its report."""
    inbox = tenant / "inbox"
    (inbox / "a.csr").write_text(csr_of("a"))
    (inbox / "batch.csv").write_text("device_id,csr\na,a.csr\n")
    (inbox / "more.jsonl").write_text(json.dumps({"device_id": "b", "csr": csr_of("b")}) + "\n")
    (inbox / "c.csr").write_text(csr_of("c"))
    (inbox / "d.csr").write_text("no CSR")
    report = run_inbox()
    by_name = {each.name.partition("@")[0]: each for each in report.submissions}
    assert {name: outcomes(each.folder) for name, each in by_name.items()} == {
        "batch.csv": {"a": "issued"},
        "more.jsonl": {"b": "issued"},
        "loose-csrs": {"c": "issued", "d": "refused"},
    }
    out = tenant / "out" / by_name["batch.csv"].name
    assert (out / "a" / "chain.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert sorted(path.name for path in inbox.iterdir()) == [".lock", "claimed", "done"]


def test_a_manifest_of_no_use_fails_alone(run_inbox: Run, tenant: Path, csr_of: MakeCsr) -> None:
    """The bad manifest is in failed/ with the reason, the good one is done, and the run failed."""
    inbox = tenant / "inbox"
    (inbox / "bad.csv").write_text("name,file\n")
    (inbox / "good.csr").write_text(csr_of("good"))
    with pytest.raises(SubmissionsFailed, match=r"1 of 2 submissions failed: .*bad\.csv"):
        run_inbox()
    [failed] = (inbox / "failed").iterdir()
    assert "wrong header" in (failed / "error.txt").read_text()
    assert any("good" in outcomes(str(each)) for each in (inbox / "done").glob("loose*"))


def test_a_run_that_died_is_gone_on_with(
    run_inbox: Run, tenant: Path, csr_of: MakeCsr, sandbox: Sandbox
) -> None:
    """After a run died between certifying and settling, the next settles and buys nothing."""
    inbox = tenant / "inbox"
    (inbox / "late.jsonl").write_text(json.dumps({"device_id": "e", "csr": csr_of("e")}) + "\n")
    [first] = run_inbox().submissions
    dead = inbox / "claimed" / "00000000-0000-0000-0000-000000000000"
    dead.mkdir(parents=True)
    Path(first.folder).rename(dead / first.name)
    sandbox.reset_calls()
    [again] = run_inbox().submissions
    assert (again.name, again.existing, again.issued) == (first.name, 1, 0)
    assert issued(sandbox) == 0


def test_another_tenants_inbox_is_refused(
    run_inbox: Run, tenant: Path, csr_of: MakeCsr, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where tenants have folders, a run cannot take from another's, and leaves it untouched."""
    monkeypatch.setenv("BIRTHCERT_TENANT_ROOTS", json.dumps([str(tenant.parent)]))
    theirs = tenant.parent / "globex" / "inbox"
    theirs.mkdir(parents=True)
    (theirs / "g.csr").write_text(csr_of("g"))
    with pytest.raises(TenantWall, match="not in the folder of tenant acme"):
        run_inbox(inbox=str(theirs))
    assert [path.name for path in theirs.iterdir()] == ["g.csr"]


def test_an_inbox_in_s3_is_emptied(
    run_inbox: Run, csr_of: MakeCsr, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claimed, certified into S3, settled with the report beside it; walls hold there too."""
    bucket = Bucket(AwsAccess("eu-west-1", retry_seconds=3), "fleets")
    region = {"LocationConstraint": "eu-west-1"}
    bucket.aws.call("s3", "CreateBucket", Bucket="fleets", CreateBucketConfiguration=region)
    monkeypatch.setenv("BIRTHCERT_TENANT_ROOTS", json.dumps(["s3://fleets"]))
    places = {"inbox": "s3://fleets/acme/inbox", "out": "s3://fleets/acme/out"}
    bucket.put("acme/inbox/csr/s.csr", csr_of("s").encode())
    bucket.put("acme/inbox/batch.csv", b"device_id,csr\ns,csr/s.csr\n")
    bucket.put("acme/inbox/claimed/dead.claim", b"damaged")
    bucket.put("acme/inbox/t.csr", csr_of("t").encode())
    settled = {each.name.partition("@")[0]: each for each in run_inbox(**places).submissions}
    assert {name: (each.verdict, each.issued) for name, each in settled.items()} == {
        "batch.csv": ("done", 1),
        "loose-csrs": ("done", 1),
    }
    done = f"acme/inbox/done/{settled['batch.csv'].name}"
    keys = [entry.key for entry in bucket.entries("acme/inbox/")]
    assert [key for key in keys if not key.startswith("acme/inbox/done/")] == []
    assert {f"{done}/{name}" for name in ("batch.csv", "csr/s.csr", "report.csv")} < set(keys)
    report = bucket.read(f"{done}/report.csv")
    assert report is not None
    out = f"s3://fleets/acme/out/{settled['batch.csv'].name}/s/certificate.pem"
    assert out in report.data.decode()
    for name, location in (("inbox", "s3://fleets/acme-evil/inbox"), ("out", "s3://fleets/globex")):
        with pytest.raises(TenantWall, match="not in the folder of tenant acme"):
            run_inbox(**(places | {name: location}))
