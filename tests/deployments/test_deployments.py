"""A team's day on an installation, as docs/operations.md goes about it: API, UI and workers."""

import asyncio
import csv
import json
from typing import Any

import httpx
import pytest
from team_installation import ACME, BOOTSTRAP, FLEET, GLOBEX, INITECH, SLOW, manifest_of


def test_an_up_that_was_killed_is_gone_on_with(team: Any) -> None:
    """What it had started is left alone by the next one, and the rest is there."""
    now = team.parts()
    assert all(now.values())
    assert team.begun["postgres"] == now["postgres"]
    assert team.begun["sandbox"] == now["sandbox"]


def test_the_api_asks_who_is_there(team: Any) -> None:
    """Without the auth string there is no answer, and the files with it are the owner's alone."""
    assert httpx.get(f"{team.url}/api/admin/version").status_code == 401
    assert httpx.get(f"{team.url}/api/admin/version", auth=team.auth).status_code == 200
    for name in ("installation.json", "environment"):
        assert (team.home / name).stat().st_mode & 0o777 == 0o600


def test_every_tenant_has_its_deployments(team: Any) -> None:
    """Five deployments a tenant, pinned by tags, one run at a time of each but `issue`."""
    found = team.deployments()
    jobs = ("bootstrap", "inbox", "issue", "canary", "reconcile")
    assert set(found) == {f"{job}-{tenant}" for job in jobs for tenant in ("acme", "globex")}
    assert set(found["inbox-acme"]["tags"]) == {"birthcert", "tenant:acme", f"account:{ACME}"}
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


def test_tenants_are_bootstrapped_from_their_form(
    team: Any, bootstrapped: dict[str, str], cut_off: str, unheard: str, late: str
) -> None:
    """One worker pool serves two accounts, each by its own AWS Account block."""
    owners = {each["arn"].split(":")[4] for each in team.books()["authorities"]}
    assert owners == {ACME, GLOBEX}


@pytest.fixture(scope="module")
def batch(team: Any, bootstrapped: dict[str, str], mailbox: Any) -> Any:
    """The run that certified what arrived in acme's inbox: one good device, one of no use."""
    refused = json.dumps({"device_id": "press-2", "csr": "no CSR"})
    team.submit("acme", "batch.jsonl", ["press-1"], refused)
    team.follow("Run")
    [run] = team.until(lambda: started(team, "inbox-acme"))
    team.ended(run["id"])
    return run


def started(team: Any, deployment: str) -> list[Any]:
    """The deployment's runs that were not made ahead by its schedule."""
    return [run for run in team.runs_of(deployment) if not run["auto_scheduled"]]


def test_a_manifest_that_arrives_is_certified(team: Any, batch: Any) -> None:
    """The word that it arrived starts the inbox run on a worker, and the device has its chain."""
    tenant = team.folder / "tenants" / "acme"
    assert list(tenant.glob("inbox/done/batch.jsonl@*/report.csv"))
    [chain] = tenant.glob("out/*/press-1/chain.pem")
    assert chain.read_text().count("BEGIN CERTIFICATE") == 2
    assert team.devices_of(ACME)["press-1"] == 1


def test_people_are_told(team: Any, batch: Any, mailbox: Any) -> None:
    """Of a batch with refusals and of a CA near its end, by any notification block."""
    told = team.until(lambda: mailbox.about("birthcert: a batch has refusals", "acme"))
    assert "refused: 1" in told
    ending = "birthcert: a certificate authority nears its end"
    assert "arn:aws:acm-pca:eu-west-1" in team.until(lambda: mailbox.about(ending, "acme"))


def test_people_are_told_of_a_canary_that_failed(team: Any, batch: Any, mailbox: Any) -> None:
    """Somebody has switched auto-registration off: the canary dies, and its reason is told."""
    iot = team.aws("iot", ACME, "eu-west-1")
    [registration] = iot.list_ca_certificates()["certificates"]
    known = registration["certificateId"]
    iot.update_ca_certificate(certificateId=known, newAutoRegistrationStatus="DISABLE")
    assert team.ended(team.start("canary-acme"))["name"] == "Failed"
    told = team.until(lambda: mailbox.about("birthcert: a run failed", "canary · acme"))
    assert "the canary failed at" in told
    iot.update_ca_certificate(certificateId=known, newAutoRegistrationStatus="ENABLE")


def test_a_form_cannot_be_filled_for_another_tenant(team: Any, batch: Any) -> None:
    """A run of acme's deployment whose tenant was edited fails, and makes nothing."""
    before = team.books()["authorities"]
    state = team.ended(team.start("bootstrap-acme", tenant="globex", **BOOTSTRAP))
    assert state["name"] == "Failed"
    assert "this deployment is for tenant:acme" in state["message"]
    assert team.books()["authorities"] == before


@pytest.fixture(scope="module")
def initech(team: Any, batch: Any, browser: Any) -> Any:
    """The run that bootstrapped a second tenant, added and deployed, from its form."""
    assert team.follow("Add a tenant").startswith("prefect --no-prompt deploy --all\n")
    browser.open_form("bootstrap-initech")
    browser.photograph("form")
    browser.choose("Key Algorithm (Optional)", "EC_prime256v1")
    browser.submit()
    [run] = team.until(lambda: team.runs_of("bootstrap-initech"))
    team.completed(run["id"])
    return run


def test_a_bad_value_shows_its_message(team: Any, initech: Any, browser: Any) -> None:
    """It is said at the field, below its help, and nothing runs."""
    browser.open_form("bootstrap-globex")
    before = len(team.runs_of("bootstrap-globex"))
    country = ("Subject (Optional)", "Country (Optional)")
    browser.fill("Germany", *country)
    browser.submit()
    browser.sees("'Germany' does not match", *country)
    browser.photograph("validation")
    assert len(team.runs_of("bootstrap-globex")) == before


def test_the_browser_leaves_no_loop_to_other_tests(browser: Any) -> None:
    """Below a running loop Prefect's blocks and clients would answer with coroutines."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_a_run_is_watched_in_the_ui(team: Any, initech: Any, browser: Any) -> None:
    """It completed on a worker, its steps read as the runbook, the CA's ARN is in its artifact."""
    browser.open_run(initech["id"])
    browser.sees("Completed")
    browser.sees_the_graph()
    browser.photograph("run")
    browser.open_tab("Task Runs")
    browser.sees("register CA certificate · initech · eu-central-1")
    browser.open_artifact(initech["id"], f"bootstrap-initech-{INITECH}-eu-central-1")
    browser.sees("CA registration")
    [authority] = [each for each in team.books()["authorities"] if f":{INITECH}:" in str(each)]
    browser.sees(authority["arn"])
    browser.photograph("bootstrap-report")
    browser.open_artifact(initech["id"], f"canary-initech-{INITECH}-eu-central-1")
    browser.sees("own message received")
    browser.photograph("canary")


def test_a_batch_is_read_in_the_ui(batch: Any, browser: Any) -> None:
    """Its page leads to the table of the batch with each refusal and why."""
    browser.open_artifact(batch["id"], f"issue-acme-{ACME}-eu-west-1")
    browser.sees("why it has no certificate")
    browser.sees("press-2")
    browser.photograph("batch")


def test_a_second_tenant_in_a_second_account(team: Any, initech: Any) -> None:
    """From nothing to a fleet certified by a scheduled run; the first tenant's books stay."""
    first = (team.devices_of(ACME), sorted(team.folder.glob("tenants/acme/**/*")))
    inbox = team.submit("initech", "first.jsonl", ["mill-1", "mill-2"])
    with team.scheduled("inbox-initech", every_seconds=10):
        team.until(lambda: list(inbox.glob("done/first.jsonl@*/report.csv")))
    assert {"mill-1", "mill-2"} <= team.devices_of(INITECH).keys()
    assert (team.devices_of(ACME), sorted(team.folder.glob("tenants/acme/**/*"))) == first
    assert not started(team, "inbox-initech")


def test_what_stands_of_the_tenants(team: Any, batch: Any) -> None:
    """The look around tells what AWS, the ledger and Prefect know of each tenant."""
    assert "acme" in team.follow("Watch")
    listed = json.loads(team.run("birthcert tenant list --json"))
    by_tenant = {each["tenant"]: each for each in listed}
    assert by_tenant["acme"]["bootstrapped"] == "yes"
    assert by_tenant["acme"]["authority_not_after"]
    assert by_tenant["acme"]["last_batch"].endswith("1/2")
    assert by_tenant["acme"]["next_run_at"]


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


def test_a_dead_worker_s_run_is_run_again_by_the_other(team: Any, cut_off: str) -> None:
    """Found dead by its heartbeat, Crashed, run again: every device one certificate, no two."""
    team.run_again(cut_off)
    assert [name for name, pid in team.parts().items() if not pid] in (["worker-1"], ["worker-2"])
    assert {device: team.devices_of(GLOBEX)[device] for device in FLEET} == dict.fromkeys(FLEET, 1)


def test_a_run_that_died_before_its_first_heartbeat_is_run_again(team: Any, unheard: str) -> None:
    """Nothing but its start was ever heard of it."""
    team.run_again(unheard)


def test_a_finished_run_stays_finished(team: Any, late: str) -> None:
    """Silence after a heartbeat that came later than the run's end makes no dead run of it."""
    assert team.until(lambda: team.events("prefect.automation.action.failed", of_run=late))
    assert team.flow_run(late)["state"]["name"] == "Completed"


def test_up_starts_what_has_died(team: Any, cut_off: str) -> None:
    """The dead worker is at work again, and nothing else was touched."""
    before = team.parts()
    team.up()
    now = team.parts()
    assert all(now.values())
    assert {name: now[name] for name, pid in before.items() if pid} == {
        name: pid for name, pid in before.items() if pid
    }


def test_shards_survive_a_worker(team: Any, batch: Any) -> None:
    """A worker and the shard that it runs are killed: the shard is run again, nothing twice.

    31 devices in two shards; the last one, in the second, has the name of the first.
    """
    before = len(team.books()["certificates"])
    team.misbehave(calls=[SLOW])
    manifest = team.folder / "tenants" / "acme" / "large.jsonl"
    names = [f"large-{number}" for number in range(30)]
    manifest.write_text(manifest_of([*names, names[0]]))
    parent = team.start(
        "issue-acme",
        manifest="tenants/acme/large.jsonl",
        out="tenants/acme/out/large",
        shard_size=16,
        chunk_size=4,
        threads=1,
    )
    [_, two] = team.until(lambda: len(found := team.shards_of(parent)) == 2 and found)
    team.until(lambda: set(names[16:]) & team.devices_of(ACME).keys())
    team.kill_with_its_worker(two)
    assert not set(names[16:]) <= team.devices_of(ACME).keys()
    team.misbehave(calls=[])
    # the other runs may have been that worker's too: then they go on without it
    team.completed(parent)
    assert team.flow_run(two)["run_count"] > 1
    with (team.folder / "tenants/acme/out/large/report.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["device_id"] for row in rows] == [*names, names[0]]
    assert {row["outcome"] for row in rows[:30]} <= {"issued", "existing"}
    assert rows[30]["reason"] == "row 31: the device_id is that of row 1 already"
    assert len(team.books()["certificates"]) == before + 30
