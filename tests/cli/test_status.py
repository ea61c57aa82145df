"""`birthcert status` and `birthcert reconcile`: what is left to do, and doing it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Delivery, Intent
from birthcert.models import Place
from birthcert.sandbox.server import Sandbox

REGION = "eu-west-1"
PLACE = Place(partition="aws", account="123456789012", region=REGION)
ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/elsewhere"
DEVICES = ("intended", "asked", "bought", "given", "lost")


@pytest.fixture
def left(desk: Path, tmp_path: Path) -> Path:
    """A batch of the tenant wayne that stopped an hour ago, in every state; its output folder."""
    out = tmp_path / "out"
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with Ledger.open(None, desk / "state", clock=lambda: hour_ago) as ledger:
        batch = ledger.begin_batch("wayne", PLACE, ARN, manifest="m.csv", out=str(out))
        claim = ledger.claim(batch)
        token = tmp_path.name
        intents = [Intent(each, f"{token}{each}", "k", "T/V1") for each in DEVICES]
        ids = [record.id for record in ledger.intend(batch, claim, intents)]
        ledger.mark_requested(claim, ids[1:])
        bought = [(row_id, f"{ARN}/certificate/{token}{row_id}") for row_id in ids[2:]]
        files = [Delivery(row_id, "01", hour_ago, hour_ago) for row_id in ids[3:]]
        ledger.record(issued=bought, delivered=files)
    (out / "given").mkdir(parents=True)
    for name in ("certificate.pem", "chain.pem"):
        (out / "given" / name).touch()
    return out


def batch_of(ended: Any, out: Path) -> dict[str, Any]:
    """The status of the batch with that output folder."""
    (found,) = [b for b in json.loads(ended.out)["batches"] if b["out"] == str(out)]
    return dict(found)


def test_status_tells_what_a_batch_lacks(birthcert: Callable[..., Any], left: Path) -> None:
    """A batch that nobody works on is interrupted; its rows are counted by what they need."""
    ended = birthcert("status", "--tenant", "wayne", "--json")
    batch = batch_of(ended, left)
    assert ended.code == 0
    assert batch["state"] == "interrupted"
    lacks = ("intended", "uncertain", "undelivered", "failed", "delivered", "files_missing")
    assert [batch[name] for name in lacks] == [1, 1, 1, 0, 2, 1]
    assert ended.calls == {}


def test_status_says_what_to_do(birthcert: Callable[..., Any], left: Path) -> None:
    """The table has a line a batch, with the command that goes on."""
    ended = birthcert("status", "--tenant", "wayne")
    assert "1 intended, 1 uncertain, 1 undelivered, 1 files missing" in ended.out
    assert "reconcile, then issue again" in ended.out


def test_a_folder_that_is_elsewhere_is_not_missed(
    birthcert: Callable[..., Any], left: Path
) -> None:
    """Output that was moved away, or lies on another machine, is not counted."""
    left.rename(left.with_name("moved"))
    ended = birthcert("status", "--tenant", "wayne", "--json")
    assert batch_of(ended, left)["files_missing"] is None


def test_status_of_a_tenant_without_anything(birthcert: Callable[..., Any]) -> None:
    """A misspelt name is told in one line, not shown as empty tables."""
    ended = birthcert("status", "--tenant", "nobody")
    assert (ended.code, ended.out) == (2, "")
    [told] = ended.errors
    assert "there are no runs and no batches of tenant nobody" in told


def test_a_run_left_behind_is_ended_by_the_next_command(
    birthcert: Callable[..., Any], bootstrapped: str
) -> None:
    """Before a command runs its flow, it marks as Crashed what a dead process left."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from flows.leftovers import process_tags

    @flow(name="issue")
    def dead(request: dict[str, str]) -> None:
        """Never run here."""

    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    tags = [tag.replace(f":{os.getpid()}", f":{process.pid}") for tag in process_tags()]
    facts = {"parameters": {"request": {"tenant": "acme"}}, "tags": tags}
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(dead, state=Running(), **facts)
        ended = birthcert("issue", "--tenant", "acme", "--manifest", "none.csv", "--out", "out")
        assert client.read_flow_run(run.id).state_name == "Running"  # nothing ran
        ended = birthcert("reconcile", "--tenant", "acme", "--bucket", "no-such-bucket")
        assert client.read_flow_run(run.id).state_name == "Crashed"
    assert "left behind by a process that is gone" in ended.err


def test_reconcile_names_the_missing_bucket(
    birthcert: Callable[..., Any], bootstrapped: str
) -> None:
    """The bucket is the user's to make: one line says so."""
    ended = birthcert("reconcile", "--tenant", "acme", "--bucket", "no-such-bucket")
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert "docs/reconcile.md" in ended.errors[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["--tenant", "acme"], "--bucket", id="no bucket"),
        pytest.param(["--tenant", "acme", "--bucket", "A_B"], "bucket", id="no bucket's name"),
    ],
)
def test_wrong_usage_touches_nothing(
    birthcert: Callable[..., Any], arguments: list[str], expected: str
) -> None:
    """Exit code 2 and one line."""
    ended = birthcert("reconcile", *arguments)
    assert (ended.code, ended.calls) == (2, {})
    assert expected in ended.errors[0]


def test_reconcile_reports_one_document(
    birthcert: Callable[..., Any],
    bootstrapped: str,
    sandbox: Sandbox,
    fleet: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """A batch whose folder lost a file is repaired; with --json stdout is the report alone."""
    bucket = f"audit-{os.getpid()}"
    location = {"LocationConstraint": REGION}
    aws = AwsAccess(REGION)
    aws.call("s3", "CreateBucket", Bucket=bucket, CreateBucketConfiguration=location)
    sandbox.state.knobs.update({"audit_report_interval_seconds": 0})
    out = tmp_path / "out"
    manifest = str(fleet(2, prefix="repair"))
    issued = birthcert("issue", "--tenant", "acme", "--manifest", manifest, "--out", str(out))
    assert issued.code == 0
    (out / "repair-1" / "chain.pem").unlink()
    flags = ("--tenant", "acme", "--bucket", bucket)
    ended = birthcert("reconcile", *flags, "--json")
    report = json.loads(ended.out)
    assert (ended.code, report["repaired"], report["adopted"]) == (0, 1, 0)
    assert (out / "repair-1" / "chain.pem").exists()
    again = birthcert("reconcile", *flags, "--dry-run")
    assert again.code == 0
    assert "would be repaired" in again.out
    assert "acm-pca.IssueCertificate" not in ended.calls | again.calls
