"""A batch keeps to AWS's quota, and a throttled call costs no certificate."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox

Run = Callable[[Any], Any]
DEVICES = 12
ISSUE = "acm-pca.IssueCertificate"
DESCRIBE = "acm-pca.DescribeCertificateAuthority"


@pytest.fixture(scope="module")
def certify(desk: Path, run_bootstrap: Run, run_issue: Run) -> Callable[..., Any]:
    """Certify twelve devices of a tenant's own under new names."""
    run_bootstrap(
        BootstrapRequest.model_validate(
            {
                "tenant": "acme",
                "canary": False,
                "certificate_authority": {"key_algorithm": "EC_prime256v1"},
            }
        )
    )

    def run(name: str, **facts: Any) -> Any:
        lines = ["device_id,csr"]
        for number in range(DEVICES):
            device = f"{name}-{number}"
            csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=device))
            (desk / f"{device}.csr").write_bytes(csr)
            lines.append(f"{device},{device}.csr")
        manifest = desk / f"{name}.csv"
        manifest.write_text("\n".join(lines) + "\n")
        request = {"tenant": "acme", "manifest": str(manifest), "out": str(desk / name), **facts}
        return run_issue(IssueRequest.model_validate(request))

    return run


def test_an_unlimited_quota_is_not_reported(certify: Callable[..., Any]) -> None:
    """A sandbox without quotas limits nothing, and the report says so; AWS was asked for it."""
    ran = certify("free")
    assert ran.report.issued == DEVICES
    assert ran.report.rate_limit_per_second is None
    assert ran.report.quota_use == ()


def test_the_report_tells_the_quota_and_its_use(certify: Callable[..., Any]) -> None:
    """The request's rate, times its share, is kept to: no call is throttled at that quota."""
    ran = certify("paced", rate_per_second=40, quota_share=0.5)
    (used,) = ran.report.quota_use
    assert ran.report.issued == DEVICES
    assert ran.report.rate_limit_per_second == 20
    assert (used.action, used.calls, used.source) == (ISSUE, DEVICES, "request")
    assert used.use == pytest.approx(DEVICES / 20 / ran.report.seconds, rel=0.01)
    assert ran.report.throttled == 0


def test_a_throttled_call_costs_no_certificate(
    certify: Callable[..., Any], sandbox: Sandbox
) -> None:
    """AWS throttles below the quota: all are certified, the count is true, all slow down.

    What was throttled before the batch began is not counted as its own.
    """
    rules = [{"action": name, "effect": "throttle", "times": 5} for name in (ISSUE, DESCRIBE)]
    sandbox.state.knobs.update({"calls": rules})
    ran = certify("throttled", rate_per_second=500)
    (used,) = ran.report.quota_use
    assert ran.report.issued == DEVICES
    assert ran.calls[DESCRIBE]["ThrottlingException"] == 5
    assert ran.report.throttled == 5
    assert used.calls == DEVICES + 5
    assert 0.05 <= used.factor < 1
    assert certify("after", rate_per_second=500).report.throttled == 0
