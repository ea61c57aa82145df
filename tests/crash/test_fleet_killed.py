"""A fleet over two places, killed in the middle: over both, one certificate a device."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from crash_books import assert_no_open_key, sold_to
from crash_lab import KILLED, REGION, TENANT, VICTIM, CsrStore, Desk, Fleet

FAR = "us-east-1"
ISSUE = "acm-pca.IssueCertificate"


def run_fleet(desk: Desk, fleet: Fleet, **plan: object) -> subprocess.CompletedProcess[str]:
    """`birthcert fleet` in a process of its own; `plan` says where it dies."""
    facts = fleet.request
    files = ("--manifest", facts["manifest"], "--out", facts["out"])
    how = ("--subject", facts["subject"], "--threads", "4", "--chunk-size", "10")
    places = ("--place", REGION, "--place", FAR)
    command = ("fleet", "--tenant", TENANT, *places, *files, *how, "--json")
    return subprocess.run(
        [sys.executable, str(VICTIM), "--cli", json.dumps(plan), *command],
        env={**os.environ, **desk.environment},
        cwd=desk.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def both_ready(prefect: None, ready_desk: Desk) -> Desk:
    """An operator whose tenant has a CA in two regions."""
    request = {"tenant": TENANT, "region": FAR, "canary": False}
    key = {"certificate_authority": {"key_algorithm": "EC_prime256v1"}}
    assert not ready_desk.run("bootstrap", {**request, **key}).error
    return ready_desk


@pytest.mark.usefixtures("at_once")
def test_killed_in_the_middle_it_is_finished_by_the_same_command(
    both_ready: Desk, csrs: CsrStore
) -> None:
    """Killed right before, right after and long after a purchase: nothing is bought twice."""
    fleet = csrs.fleet(both_ready.folder, "places", 60)
    for moment, nth in (("before", 1), ("after", 1), ("after", 12)):
        killed = run_fleet(both_ready, fleet, moment=moment, action=ISSUE, nth=nth)
        assert killed.returncode == KILLED, killed.stderr
    assert 12 <= len(sold_to(both_ready.url, fleet)) < 60
    ended = run_fleet(both_ready, fleet)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["issued"] + report["existing"] == 60
    sold = sold_to(both_ready.url, fleet)
    assert Counter({name: len(arns) for name, arns in sold.items()}) == dict.fromkeys(
        fleet.devices, 1
    )
    regions = Counter(arns[0].split(":")[3] for arns in sold.values())
    assert dict(regions) == {each["region"]: each["devices"] for each in report["places"]}
    with Path(report["report"]).open(newline="") as stream:
        rows = {row["device_id"]: row for row in csv.DictReader(stream)}
    assert {name: [row["certificate_arn"]] for name, row in rows.items()} == sold
    assert all(Path(row["certificate"]).is_file() for row in rows.values())
    assert_no_open_key(fleet.out)


@pytest.mark.usefixtures("at_once")
def test_an_interrupted_one_ends_in_all_places(both_ready: Desk, csrs: CsrStore) -> None:
    """Ctrl-C and SIGTERM reach the batches of all places; the same command goes on."""
    fleet = csrs.fleet(both_ready.folder, "halted", 60)
    for name in ("SIGINT", "SIGTERM"):
        ended = run_fleet(both_ready, fleet, moment="after", action=ISSUE, nth=5, signal=name)
        assert ended.returncode == 130, ended.stderr
        assert ended.stdout == ""
        assert f"run: birthcert fleet --tenant {TENANT}" in ended.stderr
    assert len(sold_to(both_ready.url, fleet)) < 60
    assert run_fleet(both_ready, fleet).returncode == 0
    assert {len(arns) for arns in sold_to(both_ready.url, fleet).values()} == {1}
