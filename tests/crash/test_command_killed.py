"""The real command with the real Prefect, killed and interrupted: what the next run reports."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from crash_books import (
    assert_certified,
    assert_no_open_key,
    assert_nothing_half_written,
    inventory,
    sold_to,
)
from crash_lab import BOOTSTRAP, KILLED, TENANT, VICTIM, CsrStore, Desk, Fleet, Run

INTERRUPTED = 130


@dataclass
class Command:
    """`birthcert ...` on a desk, in a process of its own."""

    desk: Desk

    def __call__(self, *arguments: str, **plan: Any) -> subprocess.CompletedProcess[str]:
        """Run it; `plan` names the boundary (`moment`, `action`, `nth`) and the `signal`."""
        return subprocess.run(
            [sys.executable, str(VICTIM), "--cli", json.dumps(plan), *arguments, "--json"],
            env={**os.environ, **self.desk.environment},
            cwd=self.desk.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def bootstrap(self, **plan: Any) -> subprocess.CompletedProcess[str]:
        """`birthcert bootstrap` as the other tests' request has it."""
        key = BOOTSTRAP["certificate_authority"]["key_algorithm"]
        where = ("--tenant", TENANT, "--key-algorithm", key, "--tag", "OWNER=crash")
        return self("bootstrap", *where, "--no-canary", **plan)

    def issue(self, fleet: Fleet, **plan: Any) -> subprocess.CompletedProcess[str]:
        """`birthcert issue` of a fleet."""
        facts = fleet.request
        files = ("--manifest", facts["manifest"], "--out", facts["out"])
        how = ("--subject", facts["subject"], "--threads", "4", "--chunk-size", "20")
        return self("issue", "--tenant", TENANT, *files, *how, **plan)


@pytest.fixture
def command(prefect: None, desk: Desk) -> Command:
    """The command on an empty account."""
    return Command(desk)


@pytest.fixture
def issuing(prefect: None, ready_desk: Desk) -> Command:
    """The command on a bootstrapped account."""
    return Command(ready_desk)


@pytest.mark.usefixtures("at_once")
def test_killed_command_goes_on_with_what_prefect_and_aws_know(
    command: Command, desk: Desk, ready_desk: Desk
) -> None:
    """Killed twice on its way, a bootstrap shows what is finished as cached or found."""
    for action in ("acm-pca.GetCertificateAuthorityCertificate", "iot.RegisterCACertificate"):
        assert command.bootstrap(moment="after", action=action, nth=1).returncode == KILLED
    run = command.bootstrap()
    assert run.returncode == 0, run.stderr
    outcomes = {step["name"]: step["outcome"] for step in json.loads(run.stdout)["steps"]}
    assert outcomes["create_certificate_authority"] == "cached"
    assert outcomes["issue_verification_certificate"] == "cached"
    assert outcomes["register_ca_certificate"] == "found"
    assert outcomes["create_provisioning_role"] == "created"
    assert inventory(desk) == {**inventory(ready_desk), "certificates": 2}
    assert_no_open_key(desk.folder)


@pytest.mark.usefixtures("at_once")
def test_interrupted_and_killed_batch_is_finished_by_the_same_command(
    issuing: Command, csrs: CsrStore
) -> None:
    """After Ctrl-C, SIGTERM and kill -9, each in the middle, every device has one certificate."""
    desk, fleet = issuing.desk, csrs.fleet(issuing.desk.folder, "command")
    plan = {"moment": "after", "action": "acm-pca.IssueCertificate", "nth": 5}
    for name in ("SIGINT", "SIGTERM"):
        assert_interrupted(desk, fleet, issuing.issue(fleet, **plan, signal=name))
    killed = issuing.issue(fleet, **plan)
    assert killed.returncode == KILLED, killed.stderr
    assert_nothing_half_written(fleet)
    assert_finished(desk, fleet, issuing.issue(fleet))


def assert_interrupted(desk: Desk, fleet: Fleet, ended: subprocess.CompletedProcess[str]) -> None:
    """No new work was taken, what was bought is on file, and the user is told how to go on."""
    assert ended.returncode == INTERRUPTED, ended.stderr
    assert ended.stdout == ""
    assert f"run: birthcert issue --tenant {TENANT}" in ended.stderr
    sold = sold_to(desk.url, fleet)
    assert len(sold) < len(fleet.devices)
    with desk.ledger() as ledger:
        rows = [row for row in ledger.records() if row.device_id in fleet.devices]
        assert ledger.batches()[0].state == "interrupted"
    assert {row.certificate_arn for row in rows} - {None} == {arn for [arn] in sold.values()}
    assert {row.state for row in rows} <= {"intended", "issued", "delivered"}


def assert_finished(desk: Desk, fleet: Fleet, ended: subprocess.CompletedProcess[str]) -> None:
    """The command's report and all books say that every device has its one certificate."""
    assert ended.returncode == 0, ended.stderr
    assert_certified(desk, fleet, Run(0, json.loads(ended.stdout)))
