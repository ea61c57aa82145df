"""A batch that outlives the credentials of the role that it assumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox

TOKEN_SECONDS = 2


def test_credentials_that_end_in_the_middle_of_a_batch_are_renewed(
    desk: Path,
    run_bootstrap: Callable[..., Any],
    run_issue: Callable[..., Any],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS takes longer for the certificates than the role's tokens last: all are issued."""
    from blocks.aws_account import AwsAccount
    from tasks.access import aws_in

    role = "arn:aws:iam::333333333333:role/birthcert-issuer"
    AwsAccount(region="eu-west-1", role_arn=role).save("brief", overwrite=True)
    who = {"tenant": "acme", "account_block": "brief"}
    key = {"key_algorithm": "EC_prime256v1"}
    run_bootstrap(
        BootstrapRequest.model_validate({**who, "certificate_authority": key, "canary": False})
    )
    for name in ("unit-0", "unit-1"):
        csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
        (desk / f"{name}.csr").write_bytes(csr)
    (desk / "manifest.csv").write_text("device_id,csr\nunit-0,unit-0.csr\nunit-1,unit-1.csr\n")
    monkeypatch.setattr(RefreshableCredentials, "_advisory_refresh_timeout", 1)
    monkeypatch.setattr(RefreshableCredentials, "_mandatory_refresh_timeout", 1)
    sandbox.state.knobs.update(
        {
            "session_token_seconds": TOKEN_SECONDS,
            "issuance_seconds": (2 * TOKEN_SECONDS, 2 * TOKEN_SECONDS),
        }
    )
    aws_in.cache_clear()
    fleet = {"manifest": str(desk / "manifest.csv"), "out": str(desk / "out")}
    began = sandbox.state.clock()
    ran = run_issue(IssueRequest.model_validate({**who, **fleet}))
    assert (ran.report.issued, ran.report.failed) == (2, 0)
    assert sandbox.state.clock() - began > TOKEN_SECONDS
    assert ran.calls["sts.AssumeRole"]["ok"] >= 2
    assert set(ran.calls["acm-pca.GetCertificate"]) <= {"ok", "RequestInProgressException"}
    sandbox.state.knobs.reset()
