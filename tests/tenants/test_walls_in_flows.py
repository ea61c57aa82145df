"""The walls as runs meet them: whatever the form was filled with."""

from pathlib import Path
from typing import Any

import pytest
from prefect import tags

from birthcert.models import BootstrapRequest, IssueRequest
from birthcert.sandbox.server import Sandbox
from birthcert.walls import TenantWall
from tasks.walls import check_request


@pytest.fixture(scope="module")
def globex_authority(desk: Path) -> str:
    """The ARN of the CA of the tenant globex."""
    from flows.bootstrap import bootstrap

    options = {"key_algorithm": "EC_prime256v1"}
    report: Any = bootstrap(
        BootstrapRequest.model_validate(
            {"tenant": "globex", "certificate_authority": options, "canary": False}
        )
    )
    arn: str = report.authority_arn
    return arn


def issue_as(tenant: str, desk: Path, **facts: Any) -> Any:
    """Run the flow `issue` for a tenant."""
    from flows.issue import issue

    manifest = desk / "manifest.jsonl"
    manifest.write_text('{"device_id": "a", "csr": "x"}\n')
    places = {"manifest": str(manifest), "out": str(desk / "out")}
    return issue(IssueRequest.model_validate({"tenant": tenant, **places, **facts}))


def test_a_run_cannot_issue_from_another_tenants_ca(
    desk: Path, globex_authority: str, sandbox: Sandbox
) -> None:
    """A run for acme that names globex's CA ends before anything is made."""
    sandbox.reset_calls()
    with pytest.raises(TenantWall, match="belongs to tenant globex"):
        issue_as("acme", desk, authority_arn=globex_authority)
    assert set(sandbox.calls()) == {"sts.GetCallerIdentity", "acm-pca.ListTags"}
    assert not (desk / "out").exists()


def test_a_run_of_one_deployment_cannot_be_for_another_tenant(desk: Path, sandbox: Sandbox) -> None:
    """A run that is tagged for acme and asked to work for globex does not even ask AWS."""
    sandbox.reset_calls()
    with tags("birthcert", "tenant:acme"), pytest.raises(TenantWall, match="tenant:acme"):
        issue_as("globex", desk)
    assert sandbox.calls() == {}


def test_a_run_of_one_deployment_cannot_reach_another_account(desk: Path, sandbox: Sandbox) -> None:
    """A run that is tagged for another account ends when it knows where it is."""
    sandbox.reset_calls()
    with tags("account:111111111111"), pytest.raises(TenantWall, match="account:111111111111"):
        issue_as("acme", desk)
    assert set(sandbox.calls()) == {"sts.GetCallerIdentity"}


@pytest.mark.parametrize("field", ["certificate_file", "key_file", "passphrase_file"])
def test_a_run_cannot_sign_with_another_tenants_root(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of a root lie in the tenant's folder, as its inbox and output do."""
    monkeypatch.setenv("BIRTHCERT_TENANT_ROOTS", f'["{tmp_path}"]')
    own = {"certificate_file": str(tmp_path / "acme" / "ca.pem")}
    root = own | {field: str(tmp_path / "globex" / "ca.pem")}
    facts = {"tenant": "acme", "authority": "offline-root", "offline_root": root}
    with pytest.raises(TenantWall, match=rf"offline_root\.{field} .* not in the folder"):
        check_request(BootstrapRequest.model_validate(facts))
