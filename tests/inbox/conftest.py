"""A bootstrapped tenant with an inbox of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.models import BootstrapRequest, InboxReport, InboxRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr


@pytest.fixture(scope="module")
def tenant(desk: Path) -> Path:
    """The folder of the tenant acme, which is bootstrapped; its inbox is in it."""
    from flows.bootstrap import bootstrap

    options = {"key_algorithm": "EC_prime256v1"}
    bootstrap(
        BootstrapRequest.model_validate(
            {"tenant": "acme", "certificate_authority": options, "canary": False}
        )
    )
    folder = desk / "tenants" / "acme"
    (folder / "inbox").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def run_inbox(tenant: Path) -> Callable[..., InboxReport]:
    """Run the flow `inbox` on the tenant's inbox."""
    from flows.inbox import issue_inbox

    def run(**facts: Any) -> InboxReport:
        places = {"inbox": str(tenant / "inbox"), "out": str(tenant / "out")}
        report: InboxReport = issue_inbox(
            InboxRequest.model_validate({"tenant": "acme", **places, **facts})
        )
        return report

    return run


@pytest.fixture(scope="session")
def csr_of() -> Callable[[str], str]:
    """Make a CSR whose CommonName is the device's."""

    def made(name: str) -> str:
        key = generate_private_key("EC_prime256v1")
        return build_csr(key, Subject(common_name=name)).decode()

    return made
