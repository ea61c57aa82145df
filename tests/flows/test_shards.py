"""Shards handed out where nobody takes them; tests/deployments has the workers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import ConfigurationError
from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox


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


def test_a_batch_of_the_shards_size_is_done_at_once(request_of: Any) -> None:
    """Nobody is needed for it."""
    from flows.issue import issue

    assert issue(request_of(shard_size=2)).issued == 2


def test_a_shard_is_its_rows_only(request_of: Any, desk: Path) -> None:
    """Its report has its own place, and the batch's report stays."""
    from flows.issue import issue

    before = (desk / "out" / "report.csv").read_text()
    report = issue(request_of(shard={"first": 3, "last": 3, "devices": 1}))
    assert (report.requested, report.existing) == (1, 1)
    assert report.report == str(desk / "out" / "shards" / "3-3.csv")
    assert (desk / "out" / "report.csv").read_text() == before
