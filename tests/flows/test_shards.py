"""Shards handed out, without a worker: tests/deployments has some."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.issuance.output import read_report
from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox
from birthcert.storage.local import LocalFolder

WAIT_SECONDS = 240


@pytest.fixture(scope="module")
def request_of(desk: Path, sandbox: Sandbox) -> Callable[..., IssueRequest]:
    """A request for two devices of the tenant acme, which is bootstrapped."""
    from flows.bootstrap import bootstrap

    key = {"key_algorithm": "EC_prime256v1"}
    facts = {"tenant": "acme", "certificate_authority": key, "canary": False}
    bootstrap(BootstrapRequest.model_validate(facts))
    lines = ["device_id,csr"]
    for name in ("pump-1", "pump-2"):
        csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
        (desk / f"{name}.csr").write_bytes(csr)
        lines.append(f"{name},{name}.csr")
    (desk / "manifest.csv").write_text("\n".join(lines) + "\n")
    paths = {"manifest": str(desk / "manifest.csv"), "out": str(desk / "out")}
    return lambda **more: IssueRequest.model_validate({"tenant": "acme", **paths, **more})


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        pytest.param((), "no deployment issue/issue-acme to take shards", id="not deployed"),
        pytest.param(("birthcert:unattended",), "set PREFECT_API_URL", id="own server"),
    ],
)
def test_without_workers_nothing_is_bought(
    request_of: Any, counted: Any, labels: tuple[str, ...], problem: str
) -> None:
    """The error says what is lacking, and the ledger has no batch that never ends."""
    from prefect import tags

    from flows.issue import issue
    from tasks.access import ledger

    with tags(*labels), pytest.raises(ConfigurationError, match=problem):
        issue(request_of(shard_size=1))
    assert "acm-pca.IssueCertificate" not in counted()
    assert ledger().batches() == []


class Handed:
    """A run of `issue` that hands out shards, in a thread; the test is the worker of its shards."""

    def __init__(self, client: Any, request: IssueRequest) -> None:
        self.client, self.request = client, request
        self.known = {run.id for run in client.read_flow_runs(limit=200)}
        self._pool = ThreadPoolExecutor(1)
        self.ended = self._pool.submit(self._run)

    def _run(self) -> Any:
        from flows.issue import issue

        return issue(self.request)

    def runs(self) -> list[Any]:
        """The runs since this began: that one, then its shards in the manifest's order."""
        found = [run for run in self.client.read_flow_runs(limit=200) if run.id not in self.known]
        rows = {run.id: (run.parameters["request"]["shard"] or {"first": 0}) for run in found}
        return sorted(found, key=lambda run: rows[run.id]["first"])

    def until(self, probe: Callable[[], Any]) -> Any:
        """What the probe gives, as soon as it gives something."""
        end = time.monotonic() + WAIT_SECONDS
        while not (found := probe()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.1)
        return found

    def shards(self) -> list[Any]:
        """The two shards, as soon as both are handed out."""
        return list(self.until(lambda: len(runs := self.runs()) == 3 and runs)[1:])

    def crash(self, run: Any) -> None:
        """The run dies."""
        from prefect.states import Crashed

        self.client.set_flow_run_state(run.id, Crashed(), force=True)

    def waits_for_a_worker(self, run: Any) -> Any:
        """Whether the run was handed out again."""
        return self.client.read_flow_run(run.id).state.is_scheduled()

    def work(self, run: Any) -> None:
        """What a worker does with a run."""
        from prefect.flow_engine import run_flow

        from flows.issue import issue

        request = IssueRequest.model_validate(run.parameters["request"])
        run_flow(issue, flow_run=self.client.read_flow_run(run.id), parameters={"request": request})

    def run_again(self) -> None:
        """The run that handed out is run once more, as by another worker."""
        from prefect.states import AwaitingRetry

        [run, *_] = self.runs()
        self.client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
        run.parameters["request"] = self.request.model_dump(mode="json")
        self.ended = self._pool.submit(self.work, run)


@pytest.fixture
def client(prefect: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Prefect's API, where the tenant's deployment is known; nobody waits for long."""
    from prefect.client.orchestration import get_client

    from flows import shards
    from flows.issue import issue

    monkeypatch.setattr(shards, "POLL_SECONDS", 0.1)
    with get_client(sync_client=True) as connected:
        flow_id = connected.create_flow(issue)
        made = connected.create_deployment(flow_id, name="issue-acme")
        yield connected
        connected.delete_deployment(made)


def test_a_shard_that_dies_for_ever_ends_the_batch_and_a_new_run_finishes_it(
    request_of: Any, client: Any, counted: Any, desk: Path
) -> None:
    """Handed out three times; the next attempt takes the same runs up, and buys nothing twice."""
    batch = Handed(client, request_of(shard_size=1))
    one, two = batch.shards()
    batch.work(one)
    for _ in range(2):
        batch.crash(two)
        batch.until(lambda: batch.waits_for_a_worker(two))
    batch.crash(two)
    with pytest.raises(BirthcertError, match="1 of 2 shards failed: rows 3-3"):
        batch.ended.result(WAIT_SECONDS)
    assert counted()["acm-pca.IssueCertificate"] == 1
    batch.run_again()
    batch.until(lambda: batch.waits_for_a_worker(two))
    batch.work(two)
    batch.ended.result(WAIT_SECONDS)
    assert len(batch.runs()) == 3
    assert counted()["acm-pca.IssueCertificate"] == 2
    assert [row.outcome for row in read_report(LocalFolder(desk / "out"), "report.csv")] == [
        "issued"
    ] * 2


def test_a_batch_of_the_shards_size_is_done_at_once(request_of: Any) -> None:
    """Nobody is needed for it."""
    from flows.issue import issue

    assert issue(request_of(shard_size=2)).existing == 2


def test_a_shard_is_its_rows_only(request_of: Any, desk: Path) -> None:
    """Its report has its own place, and the batch's report stays."""
    from flows.issue import issue

    before = (desk / "out" / "report.csv").read_text()
    report = issue(request_of(shard={"first": 3, "last": 3, "devices": 1}))
    assert (report.requested, report.existing) == (1, 1)
    assert report.report == str(desk / "out" / "shards" / "3-3.csv")
    assert (desk / "out" / "report.csv").read_text() == before
