"""One manifest certified in several regions and accounts, each with a CA of the tenant's own."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import tags

from birthcert.errors import ConfigurationError
from birthcert.ledger.ledger import Ledger
from birthcert.models import BootstrapRequest, FleetReport, FleetRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.plan import TooExpensive
from birthcert.sandbox.server import Sandbox
from birthcert.walls import TenantWall
from blocks.aws_account import AwsAccount
from tests.conftest import REGION

FAR = "us-east-1"
OTHER_ACCOUNT = "666666666666"
BLOCK = "fleet-other"
ISSUE = "acm-pca.IssueCertificate"
TWO = [{"region": REGION}, {"region": FAR}]
THREE = [*TWO, {"region": REGION, "account_block": BLOCK}]
# so many that none of three places is left without one, whatever the accounts' numbers are
UNITS = [f"unit-{number}" for number in range(50)]
MORE = [f"more-{number}" for number in range(50)]
BOTH_IN_FAR = ({"device_id": "named-0", "place": FAR}, {"device_id": "named-1", "place": FAR})


@pytest.fixture(scope="module")
def bootstrap(desk: Path) -> Callable[..., Any]:
    """Bootstrap the tenant acme in a place; the block reaches the other account."""
    from flows.bootstrap import bootstrap

    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/birthcert"
    AwsAccount(region=REGION, role_arn=role).save(BLOCK, overwrite=True)

    def run(**place: str) -> Any:
        key = {"key_algorithm": "EC_prime256v1"}
        facts = {"tenant": "acme", "certificate_authority": key, "canary": False, **place}
        return bootstrap(BootstrapRequest.model_validate(facts))

    return run


@pytest.fixture(scope="module")
def home(bootstrap: Callable[..., Any]) -> str:
    """The account of the first two places, which are ready; the third is not."""
    for place in TWO:
        account: str = bootstrap(**place).account
    return account


def manifest_of(path: Path, *devices: str | dict[str, str]) -> str:
    """JSON lines of new devices, each with further fields."""
    lines = []
    for device in devices:
        facts = {"device_id": device} if isinstance(device, str) else device
        subject = Subject(common_name=facts["device_id"])
        csr = build_csr(generate_private_key("EC_prime256v1"), subject).decode()
        lines.append(json.dumps({"csr": csr, **facts}))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def certify(manifest: str, out: Path, places: list[dict[str, str]], **facts: Any) -> FleetReport:
    """Run the flow `fleet`."""
    from flows.fleet import fleet

    where = {"tenant": "acme", "places": places, "manifest": manifest, "out": str(out)}
    report: FleetReport = fleet(FleetRequest.model_validate({**where, **facts}))
    return report


def report_rows(report: FleetReport) -> list[dict[str, str]]:
    """The rows of report.csv."""
    with Path(report.report).open(newline="") as stream:
        return list(csv.DictReader(stream))


def counts(report: FleetReport) -> tuple[int, ...]:
    """Issued, existing, refused, failed."""
    return report.issued, report.existing, report.refused, report.failed


@pytest.fixture(scope="module")
def runs(
    home: str, bootstrap: Callable[..., Any], desk: Path, sandbox: Sandbox
) -> dict[str, FleetReport]:
    """Two places, then three of which one is not bootstrapped, then all three ready."""
    two = manifest_of(desk / "two.jsonl", *UNITS, *BOTH_IN_FAR)
    reports = {"two": certify(two, desk / "out", TWO)}
    lines = manifest_of(desk / "more.jsonl", *MORE)
    (desk / "three.jsonl").write_text(Path(two).read_text() + Path(lines).read_text())
    three = str(desk / "three.jsonl")
    reports["lame"] = certify(three, desk / "out", THREE)
    bootstrap(**THREE[2])
    reports["three"] = certify(three, desk / "out", THREE)
    sandbox.reset_calls()
    reports["again"] = certify(three, desk / "out", THREE)
    return reports


def test_two_places_share_a_manifest(runs: dict[str, FleetReport], home: str) -> None:
    """Each device is certified in one of them, by the CA that stands there."""
    report = runs["two"]
    assert counts(report) == (52, 0, 0, 0)
    assert report.exit_code() == 0
    assert [(each.account, each.region) for each in report.places] == [(home, REGION), (home, FAR)]
    assert all(each.batch and each.batch.issued == each.devices > 0 for each in report.places)


def test_a_place_that_fails_stops_no_other(runs: dict[str, FleetReport]) -> None:
    """Its devices failed with the reason; the others have theirs; the exit code is 3."""
    report = runs["lame"]
    lame = report.places[2]
    assert "birthcert bootstrap" in lame.problem
    assert report.failed == lame.devices > 0
    assert (report.existing, report.issued) == (52, 50 - lame.devices)
    assert report.exit_code() == 3
    assert lame.batch is None


def test_the_page_in_prefects_ui_has_each_place(runs: dict[str, FleetReport]) -> None:
    """With what came of it."""
    from prefect.artifacts import Artifact

    artifact = Artifact.get("fleet-acme")
    assert artifact is not None
    assert f"| {OTHER_ACCOUNT} | {REGION} | {runs['again'].places[2].devices} |" in str(
        artifact.data
    )


def test_a_place_that_is_added_moves_no_certified_device(
    runs: dict[str, FleetReport], desk: Path
) -> None:
    """What the first run certified is found where it is; the new place takes new devices only."""
    report = runs["three"]
    assert counts(report)[1:] == (102 - report.issued, 0, 0)
    assert report.issued == runs["lame"].failed == report.places[2].devices
    with Ledger.open(None, desk / "state") as ledger:
        bought = Counter(row.device_id for row in ledger.records(tenant="acme"))
    assert set(bought.values()) == {1}
    assert len(bought) == 102


def test_the_report_has_the_manifests_rows_in_their_order(runs: dict[str, FleetReport]) -> None:
    """Each with its certificate, in the folder of its place."""
    report = runs["three"]
    rows = report_rows(report)
    manifest = [*UNITS, "named-0", "named-1", *MORE]
    assert [row["device_id"] for row in rows] == manifest
    assert all(Path(row["certificate"]).is_file() for row in rows)
    named = [row for row in rows if row["device_id"].startswith("named")]
    assert all(f"{FAR}/named" in row["certificate"] for row in named)
    assert all(f":{FAR}:" in row["certificate_arn"] for row in named)


def test_the_same_again_buys_nothing(
    runs: dict[str, FleetReport], sandbox: Sandbox, desk: Path
) -> None:
    """Every device is found in its place."""
    assert counts(runs["again"]) == (0, 102, 0, 0)
    assert runs["again"].report == str(desk / "out" / "report.csv")


def test_a_row_that_names_another_place_than_its_devices_is_refused(
    runs: dict[str, FleetReport], tmp_path: Path, sandbox: Sandbox
) -> None:
    """The device keeps its place; a second certificate is not bought by a slip in a manifest."""
    sandbox.reset_calls()
    manifest = manifest_of(tmp_path / "m.jsonl", {"device_id": "named-0", "place": REGION})
    report = certify(manifest, tmp_path / "out", TWO)
    assert counts(report) == (0, 0, 1, 0)
    assert f"certified in {report.places[1].account}/{FAR}" in report_rows(report)[0]["reason"]
    assert ISSUE not in sandbox.calls()
    assert [each.told() for each in report.places] == ["no devices", "no devices"]


def test_a_place_whose_credentials_fail_stops_no_other(home: str, tmp_path: Path) -> None:
    """Its account is known, so its devices wait for it; else the run ends before it buys."""
    away = {"region": REGION, "account_block": "no-such-block"}
    manifest = manifest_of(tmp_path / "m.jsonl", *(f"away-{unit}" for unit in UNITS))
    with pytest.raises(ConfigurationError, match="name its account too"):
        certify(manifest, tmp_path / "out", [*TWO, away])
    assert not (tmp_path / "out").exists()
    report = certify(manifest, tmp_path / "out", [*TWO, {**away, "account": "777777777777"}])
    assert report.issued + report.failed == len(UNITS)
    assert report.failed == report.places[2].devices > 0
    assert "no-such-block" in report.places[2].problem


def test_the_cap_is_for_all_places_together(
    home: str, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight certificates at 0.75 USD: a cap of 5 buys none, and so does a missing approval."""
    from flows.approval import NotApproved

    sandbox.reset_calls()
    manifest = manifest_of(tmp_path / "m.jsonl", *(f"dear-{number}" for number in range(8)))
    with pytest.raises(TooExpensive, match=r"8 certificates can cost 6\.00 USD"):
        certify(manifest, tmp_path / "out", TWO, max_cost_usd=5)
    monkeypatch.setenv("BIRTHCERT_APPROVAL_ABOVE_DEVICES", "6")
    with tags("birthcert:unattended"), pytest.raises(NotApproved, match="8 certificates"):
        certify(manifest, tmp_path / "out", TWO)
    assert ISSUE not in sandbox.calls()
    assert counts(certify(manifest, tmp_path / "out", TWO, approve=True)) == (8, 0, 0, 0)


def test_a_deployments_fleet_keeps_to_its_accounts(
    runs: dict[str, FleetReport], home: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    """Pinned to one account it does not begin in another; a tag that lists both lets it."""
    manifest = manifest_of(tmp_path / "m.jsonl", *(f"walled-{number}" for number in range(4)))
    sandbox.reset_calls()
    with (
        tags("tenant:acme", f"account:{home}"),
        pytest.raises(TenantWall, match=f"account:{OTHER_ACCOUNT}"),
    ):
        certify(manifest, tmp_path / "out", THREE)
    assert set(sandbox.calls()) <= {"sts.GetCallerIdentity", "sts.AssumeRole"}
    assert not (tmp_path / "out").exists()
    with tags("tenant:acme", f"account:{home},{OTHER_ACCOUNT}"):
        assert counts(certify(manifest, tmp_path / "out", THREE)) == (4, 0, 0, 0)


def test_a_fleet_of_one_deployment_cannot_be_for_another_tenant(
    home: str, tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by its name nor by the folders that it reads and writes."""
    manifest = manifest_of(tmp_path / "m.jsonl", "a")
    sandbox.reset_calls()
    with tags("tenant:globex"), pytest.raises(TenantWall, match="tenant:globex"):
        certify(manifest, tmp_path / "out", TWO)
    monkeypatch.setenv("BIRTHCERT_TENANT_ROOTS", json.dumps([str(tmp_path)]))
    with pytest.raises(TenantWall, match=r"manifest .* is not in the folder of tenant acme"):
        certify(manifest, tmp_path / "acme" / "out", TWO)
    assert sandbox.calls() == {}
