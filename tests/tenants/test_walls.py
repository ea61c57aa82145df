"""The walls between tenants."""

from pathlib import Path

import pytest

from birthcert import walls
from birthcert.walls import TenantWall


@pytest.mark.parametrize(
    ("tenant", "tags", "passes"),
    [
        pytest.param("acme", ["birthcert", "tenant:acme"], True, id="its own deployment"),
        pytest.param("acme", [], True, id="from the command line"),
        pytest.param("globex", ["tenant:acme"], False, id="another's deployment"),
        pytest.param("acme", ["tenant:acme", "tenant:globex"], False, id="a tag added"),
        pytest.param("acme-eu", ["tenant:acme"], False, id="a longer name"),
    ],
)
def test_a_deployment_runs_for_its_own_tenant(tenant: str, tags: list[str], passes: bool) -> None:
    """A run's tenant is the one in its deployment's tags, whatever its parameters say."""
    if passes:
        walls.check_tenant(tenant, tags)
    else:
        with pytest.raises(TenantWall, match="nothing was touched"):
            walls.check_tenant(tenant, tags)


def test_a_deployment_reaches_its_own_account() -> None:
    """A run that reached another account than its deployment's is refused."""
    walls.check_account("111111111111", ["account:111111111111"])
    with pytest.raises(TenantWall, match="account:111111111111"):
        walls.check_account("222222222222", ["account:111111111111"])


def test_a_deployment_of_several_accounts_reaches_these_alone() -> None:
    """One tag lists them; a tag that someone adds to a run allows no more."""
    both = "account:111111111111,222222222222"
    walls.check_account("111111111111", [both])
    walls.check_account("222222222222", [both])
    for account, tags in (
        ("333333333333", [both]),
        ("333333333333", [both, "account:333333333333"]),
        ("111111111111", [both, "account:222222222222"]),
    ):
        with pytest.raises(TenantWall, match="nothing was touched"):
            walls.check_account(account, tags)


@pytest.mark.parametrize(
    ("location", "passes"),
    [
        pytest.param("tenants/acme/out", True, id="its folder"),
        pytest.param("tenants/acme/../globex/out", False, id="out of it by dots"),
        pytest.param("tenants/acme-eu/out", False, id="a longer name"),
        pytest.param("tenants/acme/link/out", False, id="out of it by a link"),
        pytest.param("/tmp/out", False, id="elsewhere"),
        pytest.param("s3://fleets/acme/inbox", True, id="its prefix"),
        pytest.param("s3://fleets/globex/inbox", False, id="another's prefix"),
        pytest.param("s3://fleets-2/acme/inbox", False, id="another bucket"),
        pytest.param("s3://fleets/acme-evil/inbox", False, id="a sibling prefix"),
        pytest.param("s3://fleets/acme", True, id="its prefix itself"),
        pytest.param("s3://fleets/", False, id="the root"),
        pytest.param("s3://", False, id="nothing"),
        pytest.param("s3://fleets/acme/../globex", False, id="out of it by dots in S3"),
        pytest.param("s3://fleets//acme/inbox", False, id="an empty part in S3"),
        pytest.param("s3://fleets/acme/./inbox", False, id="a dot in S3"),
        pytest.param("S3://fleets/acme/inbox", False, id="S3 in capitals"),
        pytest.param("gs://fleets/acme/inbox", False, id="another store"),
    ],
)
def test_locations_lie_in_the_tenants_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, passes: bool
) -> None:
    """A location is in the tenant's own folder of a root, links and dots followed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenants" / "acme").mkdir(parents=True)
    (tmp_path / "tenants" / "globex").mkdir()
    (tmp_path / "tenants" / "acme" / "link").symlink_to(tmp_path / "tenants" / "globex")
    roots = ["tenants", "s3://fleets"]
    if passes:
        walls.check_locations("acme", {"out": location}, roots)
    else:
        with pytest.raises(TenantWall, match="not in the folder of tenant acme"):
            walls.check_locations("acme", {"out": location}, roots)


def test_roots_may_be_prefixes() -> None:
    """A root below a bucket counts as one at its top; a tenant's name is a whole part of a key."""
    walls.check_locations("acme", {"out": "s3://b-1/tenants/acme/out"}, ["s3://b-1/tenants/"])
    with pytest.raises(TenantWall, match="s3://b-1/tenants/acme/"):
        walls.check_locations("acme", {"out": "s3://b-1/tenants-2/acme"}, ["s3://b-1/tenants"])


@pytest.mark.parametrize(
    ("tagged", "recorded", "passes"),
    [
        pytest.param("acme", [], True, id="its tag"),
        pytest.param("globex", ["acme"], False, id="another's tag"),
        pytest.param(None, ["globex"], False, id="in the ledger as another's"),
        pytest.param(None, ["acme"], True, id="in the ledger as its own"),
        pytest.param(None, [], True, id="nobody's"),
    ],
)
def test_a_ca_of_another_tenant_is_refused(
    tagged: str | None, recorded: list[str], passes: bool
) -> None:
    """The CA that a request names is the tenant's or nobody's, by tag and by ledger."""
    if passes:
        walls.check_authority("acme", "arn:ca", tagged=tagged, recorded=recorded)
    else:
        with pytest.raises(TenantWall, match="belongs to tenant globex"):
            walls.check_authority("acme", "arn:ca", tagged=tagged, recorded=recorded)
