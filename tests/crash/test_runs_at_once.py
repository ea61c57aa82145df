"""Two runs of one manifest, and a Postgres that goes away: on real databases."""

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from crash_books import assert_certified
from crash_lab import CsrStore, Desk, Lab, result_of
from crash_postgres import Postgres, programs_or_skip


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A Postgres server of this module's own."""
    programs = programs_or_skip()
    # not below pytest's own folder, which is closed to the user that Postgres runs as
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(programs, Path(folder))
        yield server
        server.crash()


@pytest.fixture(params=["sqlite", "postgres"])
def desk_on(ready_desk: Desk, request: pytest.FixtureRequest) -> Desk:
    """The bootstrapped account with its ledger on either database."""
    if request.param == "sqlite":
        return ready_desk
    return replace(ready_desk, ledger_url=request.getfixturevalue("postgres").url)


def test_two_runs_at_once_certify_each_device_once(
    desk_on: Desk, csrs: CsrStore, request: pytest.FixtureRequest
) -> None:
    """Both end well, both know all devices, and each was bought once."""
    fleet = csrs.fleet(desk_on.folder, f"twice-{request.node.callspec.id}")
    jobs = [desk_on.job("issue", fleet.request) for _ in range(2)]
    runs = [
        result_of(job, code) for job, code in zip(jobs, desk_on.victims.run(*jobs), strict=True)
    ]
    for run in runs:
        assert_certified(desk_on, fleet, run)
    assert sum(run.report["issued"] for run in runs) == len(fleet.devices)


def test_postgres_that_goes_away_in_the_middle(
    lab: Lab, ready_desk: Desk, csrs: CsrStore, postgres: Postgres
) -> None:
    """The error names the ledger; once it is back, the same command finishes."""
    desk = replace(ready_desk, ledger_url=postgres.url)
    fleet = csrs.fleet(desk.folder, "away")
    lab.reset_calls()
    with lab.knobs(issuance_seconds=[0, 0], network_delay_seconds=0.05):
        vandal = threading.Thread(target=crash_after, args=(lab, postgres, 10))
        vandal.start()
        failed = desk.issue(fleet)
        vandal.join()
    postgres.start()
    assert "LedgerUnavailable" in failed.error
    assert "does not answer" in failed.error
    assert "check that the database runs" in failed.error
    assert_certified(desk, fleet, desk.issue(fleet))


def crash_after(lab: Lab, postgres: Postgres, requests: int) -> None:
    """End Postgres once so many certificates are bought."""
    while lab.calls().get("acm-pca.IssueCertificate", {}).get("ok", 0) < requests:
        pass
    postgres.crash()
