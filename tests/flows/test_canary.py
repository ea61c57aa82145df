"""The canary as a flow of its own, and at the end of a bootstrap."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.canary.verdict import CanaryFailed
from birthcert.models import BootstrapRequest, CanaryReport, CanaryRequest, Place
from birthcert.sandbox.server import Sandbox
from tasks.access import ledger

REQUEST = BootstrapRequest.model_validate(
    {"tenant": "acme", "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
)
BUYING = "acm-pca.IssueCertificate"


@pytest.fixture(scope="module")
def bootstrapped(desk: Path, run_bootstrap: Callable[[BootstrapRequest], Any]) -> Any:
    """The tenant's first bootstrap, which ends with a canary."""
    return run_bootstrap(REQUEST)


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device port where nothing listens."""
    monkeypatch.setenv("BIRTHCERT_DEVICE_PORT", "1")


def fly(**facts: Any) -> CanaryReport:
    """The flow `canary` of the tenant."""
    from flows.canary import canary

    report: CanaryReport = canary(CanaryRequest.model_validate({"tenant": "acme", **facts}))
    return report


def things() -> list[str]:
    """The things in AWS IoT."""
    listed = AwsAccess("eu-west-1").call("iot", "ListThings")["things"]
    return [thing["thingName"] for thing in listed]


def rows_of(found: Any) -> list[dict[str, str]]:
    """The rows of a table artifact."""
    assert found is not None
    rows: list[dict[str, str]] = json.loads(str(found.data))
    return rows


def test_a_bootstrap_ends_with_its_proof(bootstrapped: Any) -> None:
    """The last step; every check passed, the canary is gone, and the ledger has what it cost."""
    report = bootstrapped.report
    assert report.steps[-1].name == "prove_provisioning"
    place = Place(
        partition="aws", account=report.account, region=report.region, sandbox=report.sandbox
    )
    own = ledger().own_book.of(place, report.authority_arn)
    assert own == {report.canary.arn: "canary"}
    assert report.canary.passed
    assert report.canary.attempts == 2
    assert things() == []


def test_what_was_proved_is_not_proved_again(
    bootstrapped: Any, run_bootstrap: Callable[[BootstrapRequest], Any]
) -> None:
    """The second run remembers the first one's proof and buys nothing."""
    again = run_bootstrap(REQUEST)
    assert again.outcomes["prove_provisioning"] == "cached"
    assert again.report.canary == bootstrapped.report.canary
    assert BUYING not in again.calls


def test_where_nothing_was_made_nothing_is_proved(
    bootstrapped: Any, run_bootstrap: Callable[[BootstrapRequest], Any]
) -> None:
    """A run that only finds what is there buys nothing, so it makes no canary."""
    refreshed = run_bootstrap(REQUEST.model_copy(update={"refresh": True}))
    assert refreshed.report.canary is None
    assert BUYING not in refreshed.calls


def test_it_can_be_switched_off(
    desk: Path, run_bootstrap: Callable[[BootstrapRequest], Any]
) -> None:
    """The bootstrap ends with the endpoint, as without a device."""
    ran = run_bootstrap(_request(tenant="initech", canary=False))
    assert list(ran.outcomes)[-1] == "describe_endpoint"
    assert ran.report.canary is None


def test_a_bootstrap_that_cannot_be_proved_stands(
    run_bootstrap: Callable[[BootstrapRequest], Any], unreachable: None, page: Callable[..., Any]
) -> None:
    """The error says that all is made and only the proof is missing; its page is there."""
    with pytest.raises(CanaryFailed, match="all of the bootstrap is made and stands") as raised:
        run_bootstrap(_request(tenant="hooli"))
    assert "nothing answers at localhost:1" in str(raised.value)
    assert str(raised.value).endswith("then run: birthcert canary --tenant hooli")
    told = page("bootstrap", "hooli")
    assert told is not None
    assert "hooli-device" in str(told.data)


def test_the_flow_flies_each_time(
    bootstrapped: Any, sandbox: Sandbox, page: Callable[..., Any]
) -> None:
    """It is asked for to look now: nothing is remembered, and a table has each check's time."""
    sandbox.reset_calls()
    first, second = fly(), fly()
    assert first.thing_name != second.thing_name
    assert sandbox.calls()[BUYING] == {"ok": 2}
    rows = rows_of(page("canary"))
    assert [row["check"] for row in rows] == [check.name for check in second.checks]
    assert all(float(row["seconds"]) >= 0 for row in rows)
    assert things() == []


def test_a_canary_that_fails_has_a_table_too(
    bootstrapped: Any, unreachable: None, page: Callable[..., Any]
) -> None:
    """The flow fails, and the UI shows at which check."""
    with pytest.raises(CanaryFailed, match="endpoint reachable"):
        fly()
    assert rows_of(page("canary"))[-1]["outcome"] == "failed"


def _request(**facts: Any) -> BootstrapRequest:
    options = {"key_algorithm": "EC_prime256v1"}
    return BootstrapRequest.model_validate({"certificate_authority": options, **facts})
