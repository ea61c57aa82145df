"""`birthcert plan`: what would be done and what it costs, with nothing touched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.sandbox.server import Sandbox
from tests.conftest import REGION

FAR = "us-east-1"

BOOTSTRAP = ("plan", "--tenant", "acme", "--key-algorithm", "EC_prime256v1")


def test_on_an_empty_account_all_would_be_made(birthcert: Any) -> None:
    """A CA costs 400 dollars a month, and the plan says so before it is there."""
    ended = birthcert(*BOOTSTRAP, "--json")
    plan = json.loads(ended.out)
    assert ended.code == 0
    assert ended.changing_calls == []
    assert {step["action"] for step in plan["steps"]} == {"make"}
    assert plan["usd_a_month"] == 400
    assert plan["usd_now"] == 0.75
    text = birthcert(*BOOTSTRAP)
    assert "400.00 USD more a month and 0.75 USD once" in text.out
    assert "nothing was touched" in text.out


def test_on_a_ready_account_nothing_would_be_made(birthcert: Any, bootstrapped: str) -> None:
    """What is there is kept and costs nothing more."""
    ended = birthcert(*BOOTSTRAP, "--json")
    plan = json.loads(ended.out)
    assert {step["action"] for step in plan["steps"]} == {"keep"}
    assert (plan["usd_a_month"], plan["usd_now"]) == (0, 0)
    assert ended.changing_calls == []


def test_a_batch_is_read_checked_and_priced(
    birthcert: Any,
    bootstrapped: str,
    fleet: Callable[..., Path],
    tmp_path: Path,
    sandbox: Sandbox,
) -> None:
    """The rows that can be certified are priced, the others named; no file is made.

    The time is that of the quota which Service Quotas tells.
    """
    sandbox.state.knobs.update({"quotas_per_second": {"acm-pca.IssueCertificate": 0.5}})
    manifest = fleet(4, "bad,nowhere.csr")
    before = sorted(tmp_path.iterdir())
    ended = birthcert("plan", "--tenant", "acme", "--manifest", str(manifest), "--json")
    plan = json.loads(ended.out)
    assert ended.code == 0
    assert (plan["rows"], plan["refused"], plan["batch"]["certificates"]) == (5, 1, 4)
    assert plan["batch"]["price_usd"] == 3
    assert (plan["batch"]["seconds"], plan["batch"]["quota_per_second"]) == (8, 0.5)
    sandbox.state.knobs.reset()
    assert "row 6: there is no CSR file 'nowhere.csr'" in plan["refusals"][0]
    assert ended.changing_calls == []
    assert sorted(tmp_path.iterdir()) == before


def test_the_text_of_a_batchs_plan(
    birthcert: Any, bootstrapped: str, fleet: Callable[..., Path]
) -> None:
    """Price, time at the quota, and the refusals with brackets as they are."""
    manifest = fleet(2, "bad,[nowhere].csr")
    ended = birthcert("plan", "--tenant", "acme", "--manifest", str(manifest))
    assert ended.code == 0
    assert "2 of 3 devices of acme would be certified" in ended.out
    assert "1.50 USD at most" in ended.out
    assert "[nowhere].csr" in ended.out


def test_a_batch_is_planned_for_the_ca_that_is_named(
    birthcert: Any, bootstrapped: str, fleet: Callable[..., Path]
) -> None:
    """As issue takes it: the tenant's own where none is named, and never another than that."""
    batch = ("plan", "--tenant", "acme", "--manifest", str(fleet(1)), "--authority-arn")
    plan = json.loads(birthcert(*batch, bootstrapped, "--json").out)
    assert plan["authority_arn"] == bootstrapped
    missing = f"{bootstrapped[:-12]}{'0' * 12}"
    refused = birthcert(*batch, missing)
    assert refused.code != 0
    assert missing in refused.errors[0]


def test_sni_only_needs_no_verification_certificate(birthcert: Any) -> None:
    """Neither the step nor its price are in the plan; an unknown mode is refused by name."""
    ended = birthcert(*BOOTSTRAP, "--registration-mode", "SNI_ONLY", "--json")
    plan = json.loads(ended.out)
    assert "issue_verification_certificate" not in {step["step"] for step in plan["steps"]}
    assert plan["usd_now"] == 0
    refused = birthcert(*BOOTSTRAP, "--registration-mode", "MULTI")
    assert (refused.code, refused.calls) == (2, {})
    assert "registration_mode" in refused.errors[0]


def test_a_plan_counts_what_the_ledger_knows(
    birthcert: Any, bootstrapped: str, fleet: Callable[..., Path], tmp_path: Path
) -> None:
    """Devices with a certificate cost nothing more, and those of the month count for the tiers."""
    manifest = fleet(3, prefix="known")
    issued = birthcert(
        "issue", "--tenant", "acme", "--manifest", str(manifest), "--out", str(tmp_path / "out")
    )
    assert issued.code == 0
    known = manifest.read_text()
    manifest.write_text(known + fleet(1, prefix="new").read_text().partition("\n")[2])
    plan = json.loads(
        birthcert("plan", "--tenant", "acme", "--manifest", str(manifest), "--json").out
    )
    batch = plan["batch"]
    assert batch["issued_this_month"] == 3
    assert batch["ca_room"] == 1_000_000 - 3
    assert "others" in batch["not_known"][0]
    assert (plan["rows"], plan["existing"], batch["certificates"]) == (4, 3, 1)


def test_a_cap_ends_a_plan_and_a_batch_with_code_2(
    birthcert: Any, bootstrapped: str, fleet: Callable[..., Path], tmp_path: Path
) -> None:
    """The plan is printed all the same; the batch buys nothing and makes no folder."""
    manifest = fleet(2, prefix="dear")
    where = ("--tenant", "acme", "--manifest", str(manifest), "--max-cost", "1.49")
    alone = birthcert("plan", "--tenant", "acme", "--max-cost", "1")
    assert (alone.code, "--manifest" in alone.errors[0]) == (2, True)
    planned = birthcert("plan", *where, "--json")
    assert (planned.code, json.loads(planned.out)["batch"]["price_usd"]) == (2, 1.5)
    assert "more than the cap of 1.49" in planned.errors[0]
    issued = birthcert("issue", *where, "--out", str(tmp_path / "out"))
    assert (issued.code, issued.errors) == (2, planned.errors)
    assert issued.changing_calls == []
    assert not (tmp_path / "out").exists()


def test_a_rollover_is_planned_and_priced(birthcert: Any, bootstrapped: str) -> None:
    """A second CA is paid for; what devices need besides is there, and nothing is touched."""
    rollover = (*BOOTSTRAP, "--replaces", bootstrapped)
    ended = birthcert(*rollover, "--old-registration", "deactivate", "--json")
    plan = json.loads(ended.out)
    assert ended.changing_calls == []
    assert (plan["usd_a_month"], plan["usd_now"]) == (400, 0.75)
    assert {step["step"] for step in plan["steps"] if step["action"] == "keep"} == {
        "create_thing_type",
        "create_device_policy",
        "create_provisioning_role",
    }
    assert [step["step"] for step in plan["steps"]][-2:] == ["move_issuing", "end_old_registration"]
    assert "the old CA bills on" in birthcert(*rollover).out


def test_what_is_no_rollover_is_refused_by_its_plan_too(birthcert: Any, bootstrapped: str) -> None:
    """A CA of someone else, an unknown wish, and a batch at the same time."""
    other = birthcert(*BOOTSTRAP, "--replaces", f"{bootstrapped[:-1]}x")
    assert (other.code, "none of the tenant's" in other.errors[0]) == (2, True)
    wish = birthcert(*BOOTSTRAP, "--replaces", bootstrapped, "--old-registration", "burn")
    assert (wish.code, "old_registration" in wish.errors[0]) == (2, True)
    both = birthcert(*BOOTSTRAP, "--replaces", bootstrapped, "--manifest", "fleet.csv")
    assert (both.code, "planned apart" in both.errors[0]) == (2, True)


def test_further_places_are_looked_at_too(birthcert: Any, bootstrapped: str) -> None:
    """What is missing there is named with its place; the run's own is kept."""
    ended = birthcert(*BOOTSTRAP, "--also", "us-east-1", "--json")
    steps = json.loads(ended.out)["steps"]
    further = {step["step"]: step["action"] for step in steps if step["place"]}
    assert {step["action"] for step in steps if not step["place"]} == {"keep"}
    assert further.pop("create_provisioning_role") == "keep"
    assert set(further.values()) == {"make"}
    assert ended.changing_calls == []
    assert "us-east-1 of" in birthcert(*BOOTSTRAP, "--also", "us-east-1").out
    refused = birthcert(*BOOTSTRAP, "--also", "eu-west-1")
    assert (refused.code, refused.changing_calls) == (2, [])
    assert "named twice" in refused.errors[0]


def test_a_block_without_a_server_is_said_so(birthcert: Any) -> None:
    """Blocks are kept on a Prefect server: no other one is started to look for it."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: None}):
        ended = birthcert(*BOOTSTRAP, "--also", "us-east-1@nowhere")
    assert ended.code == 2
    assert "PREFECT_API_URL" in ended.errors[0]


@pytest.fixture(scope="module")
def bootstrapped_far(bootstrapped: str) -> str:
    """The same tenant in a second region; its name."""
    from birthcert.models import BootstrapRequest
    from flows.bootstrap import bootstrap

    key = {"key_algorithm": "EC_prime256v1"}
    where = {"tenant": "acme", "region": FAR, "canary": False}
    bootstrap(BootstrapRequest.model_validate({**where, "certificate_authority": key}))
    return FAR


def test_a_batch_over_several_places_is_spread_and_priced(
    birthcert: Any,
    bootstrapped_far: str,
    fleet: Callable[..., Path],
    tmp_path: Path,
    sandbox: Sandbox,
) -> None:
    """Each place's part with its quota and price, and the sum; nothing is made."""
    sandbox.state.knobs.update({"quotas_per_second": {"acm-pca.IssueCertificate": 0.5}})
    manifest = fleet(40, "bad,nowhere.csr", "unit-3,unit-3.csr")
    before = sorted(tmp_path.iterdir())
    over = ("plan", "--tenant", "acme", "--place", REGION, "--place", FAR)
    ended = birthcert(*over, "--manifest", str(manifest), "--json")
    sandbox.state.knobs.reset()
    plan = json.loads(ended.out)
    assert ended.code == 0
    assert ended.changing_calls == []
    assert sorted(tmp_path.iterdir()) == before
    assert [each["region"] for each in plan["places"]] == [REGION, FAR]
    parts = [each["batch"]["certificates"] for each in plan["places"]]
    assert sum(parts) == plan["batch"]["certificates"] == 40
    assert min(parts) > 5
    assert plan["batch"]["price_usd"] == sum(each["batch"]["price_usd"] for each in plan["places"])
    assert plan["batch"]["seconds"] == 2 * max(parts)
    assert (plan["rows"], plan["refused"]) == (42, 2)
    assert [line[:8] for line in plan["refusals"]] == ["row 42: ", "row 43: "]
    text = birthcert(*over, "--manifest", str(manifest), "--max-cost", "20")
    assert "40 of 42 devices of acme would be certified" in text.out
    assert text.code == 2
    assert "more than the cap of 20.00" in text.errors[0]


def test_a_plan_over_places_of_which_one_cannot_be_priced(
    birthcert: Any, bootstrapped_far: str, fleet: Callable[..., Path]
) -> None:
    """A place without the tenant's CA, one that is not reached, a manifest of bad rows only."""
    manifest = str(fleet(30))
    over = ("plan", "--tenant", "acme", "--manifest", manifest, "--place", REGION, "--place")
    unready = birthcert(*over, "eu-north-1")
    assert unready.code == 2
    assert "eu-north-1" in unready.errors[0]
    unreached = birthcert(*over, f"999999999999/{FAR}")
    assert unreached.code == 2
    assert f"the batch in {FAR} cannot be priced" in unreached.errors[0]
    hopeless = birthcert(*over[:4], str(fleet(0, "bad,nowhere.csr")), *over[5:], FAR)
    assert hopeless.code == 2
    assert "no row of the manifest can be certified" in hopeless.errors[0]
    assert "row 2: there is no CSR file" in hopeless.errors[0]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        pytest.param(("--place", "eu-west-1"), "--place is for a batch", id="no manifest"),
        pytest.param(
            ("--place", "eu-west-1", "--manifest", "m.csv"), "at least 2 items", id="one place"
        ),
        pytest.param(
            ("--place", "a", "--manifest", "m.csv", "--region", "b"), "in each", id="region"
        ),
        pytest.param(
            ("--place", "a", "--manifest", "m.csv", "--authority-arn", "b"), "in each", id="CA"
        ),
    ],
)
def test_places_that_make_no_plan(birthcert: Any, flags: tuple[str, ...], says: str) -> None:
    """One line, exit code 2, and no call."""
    ended = birthcert("plan", "--tenant", "acme", *flags)
    assert ended.code == 2
    assert says in ended.errors[0]
    assert ended.calls == {}
