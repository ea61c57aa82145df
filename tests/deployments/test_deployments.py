"""prefect.yaml on an installation with two workers, as docs/operations.md goes about it."""

import csv
import json
from typing import Any

import pytest

from birthcert.models import Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr

QUICK = {"certificate_authority": {"key_algorithm": "EC_prime256v1"}, "canary": False}


def device_line(name: str) -> str:
    """A device's line of a manifest, with a CSR over a new key."""
    csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name)).decode()
    return json.dumps({"device_id": name, "csr": csr}) + "\n"


def test_every_tenant_has_its_deployments(team: Any) -> None:
    """Five deployments a tenant, pinned by tags, one run at a time of each but `issue`."""
    found = team.deployments()
    jobs = ("bootstrap", "inbox", "issue", "canary", "reconcile")
    assert set(found) == {f"{job}-{tenant}" for job in jobs for tenant in ("acme", "globex")}
    assert set(found["inbox-acme"]["tags"]) == {"birthcert", "tenant:acme", "account:111111111111"}
    # a run that hands out shards waits for runs of its own deployment
    unlimited = [found.pop(f"issue-{tenant}") for tenant in ("acme", "globex")]
    assert [each["global_concurrency_limit"] for each in unlimited] == [None, None]
    for deployment in found.values():
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"


def test_schedules_have_a_time_zone(team: Any) -> None:
    """Inboxes, canaries and reconciliations are scheduled; a bootstrap is started by hand."""
    found = {
        name: [(each["schedule"]["cron"], each["schedule"]["timezone"]) for each in it["schedules"]]
        for name, it in team.deployments().items()
    }
    assert found["inbox-acme"] == [("*/15 6-20 * * 1-6", "Europe/Berlin")]
    assert found["canary-globex"] == [("30 2 * * *", "Europe/Berlin")]
    assert found["reconcile-acme"] == [("0 4 * * 0", "Europe/Berlin")]
    assert found["bootstrap-acme"] == []


def test_the_server_schedules_runs(team: Any) -> None:
    """The scheduler has written runs ahead, which carry the deployment's tags."""
    assert team.until(lambda: team.runs_of("canary-acme"))


@pytest.fixture(scope="module")
def acme(team: Any) -> str:
    """The tenant acme, bootstrapped from its form; the state of that run."""
    state: str = team.ended(team.start("bootstrap-acme", **QUICK))["name"]
    return state


def test_a_manifest_that_arrives_is_certified(team: Any, acme: str) -> None:
    """The word that it arrived starts the inbox run on a worker, and the device has its chain."""
    assert acme == "Completed"
    inbox = team.folder / "tenants" / "acme" / "inbox"
    (inbox / "batch.jsonl").write_text(device_line("press-1"))
    team.follow("Run")
    team.until(lambda: list(inbox.glob("done/batch.jsonl@*/report.csv")))
    [chain] = (team.folder / "tenants" / "acme" / "out").glob("*/press-1/chain.pem")
    assert chain.read_text().count("BEGIN CERTIFICATE") == 2


def test_a_form_cannot_be_filled_for_another_tenant(team: Any, acme: str) -> None:
    """A run of acme's deployment whose tenant was edited fails, and makes nothing."""
    before = len(team.books()["authorities"])
    state = team.ended(team.start("bootstrap-acme", tenant="globex", **QUICK))
    assert state["name"] == "Failed"
    assert "this deployment is for tenant:acme" in state["message"]
    assert len(team.books()["authorities"]) == before


def test_a_second_tenant_in_a_second_account(team: Any, acme: str) -> None:
    """A tenant added, deployed and run from its form is ready, and the first is untouched."""
    first = team.books()["authorities"]
    assert team.follow("Add a tenant").startswith("prefect --no-prompt deploy --all\n")
    assert team.ended(team.start("bootstrap-initech", **QUICK))["name"] == "Completed"
    made = [each for each in team.books()["authorities"] if each not in first]
    assert len(made) == 1
    assert ":333333333333:" in str(made[0])
    assert [each for each in team.books()["authorities"] if each not in made] == first


def test_what_stands_of_the_tenants(team: Any, acme: str) -> None:
    """The look around tells what AWS, the ledger and Prefect know of each tenant."""
    assert "acme" in team.follow("Watch")
    listed = json.loads(team.run("birthcert tenant list --json"))
    by_tenant = {each["tenant"]: each for each in listed}
    assert by_tenant["acme"]["bootstrapped"] == "yes"
    assert by_tenant["acme"]["authority_not_after"] > "2030"
    assert by_tenant["acme"]["last_batch"].endswith("done 1/1")
    assert by_tenant["acme"]["next_run_at"]
    assert by_tenant["globex"]["bootstrapped"] == "no"


def test_an_upgrade_makes_nothing_twice(team: Any) -> None:
    """Registering and deploying again keeps deployments and automations under their names."""

    def names() -> list[str]:
        return sorted(
            each["name"]
            for kind in ("deployments", "automations")
            for each in team.ask(f"{kind}/filter")
        )

    before = names()
    team.follow("Upgrade")
    assert names() == before
    assert "birthcert: a run without heartbeat is Crashed" in before


def test_shards_survive_a_worker(team: Any, acme: str) -> None:
    """A worker and the shard that it runs are killed: the shard is run again, nothing twice.

    31 devices in two shards; the last one, in the second, has the name of the first.
    """
    before = len(team.books()["certificates"])
    slow = {"action": "acm-pca.IssueCertificate", "effect": "slow", "seconds": 0.3}
    team.misbehave(calls=[slow])
    manifest = team.folder / "tenants" / "acme" / "large.jsonl"
    names = [f"large-{number}" for number in range(30)]
    manifest.write_text("".join(device_line(name) for name in [*names, names[0]]))
    parent = team.start(
        "issue-acme",
        manifest="tenants/acme/large.jsonl",
        out="tenants/acme/out/large",
        shard_size=16,
        chunk_size=4,
        threads=1,
    )
    [_, two] = team.until(lambda: len(found := team.shards_of(parent)) == 2 and found)
    team.until(lambda: (run := team.flow_run(two))["infrastructure_pid"] and run)
    team.until(lambda: len(team.books()["certificates"]) > before + 4)
    team.kill_with_its_worker(two)
    team.misbehave(calls=[])
    # the run that handed out may have been that worker's too: then it is run again as well
    team.until(lambda: team.flow_run(parent)["state"]["type"] == "COMPLETED")
    assert team.flow_run(two)["run_count"] == 2
    with (team.folder / "tenants/acme/out/large/report.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["device_id"] for row in rows] == [*names, names[0]]
    assert [row["outcome"] for row in rows[:16]] == ["issued"] * 16
    assert {row["outcome"] for row in rows[16:30]} <= {"issued", "existing"}
    assert rows[30]["reason"] == "row 31: the device_id is that of row 1 already"
    assert len(team.books()["certificates"]) == before + 30
