"""Which place a device goes to, and how a manifest is spread over places."""

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fleet_lab import (
    HERE,
    IN_HERE,
    IN_THERE,
    OTHER,
    THERE,
    Known,
    refusals,
    request_for,
    rows_of,
    spread,
)
from pydantic import ValidationError

from birthcert.errors import ConfigurationError
from birthcert.issuance.fleet_parts import Reached, parts_of
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.spreading import preferred
from birthcert.models import FleetRequest, Place
from birthcert.storage.local import LocalFolder


def test_a_new_devices_place_is_known_from_its_name() -> None:
    """The same today and tomorrow, on any machine, in whatever order the places are given."""
    places = [preferred(f"device-{number}", [HERE, THERE, OTHER]) for number in range(6)]
    assert places == [OTHER, THERE, THERE, THERE, OTHER, THERE]
    assert [preferred(f"device-{n}", [OTHER, THERE, HERE]) for n in range(6)] == places


def test_each_place_gets_its_share_and_a_new_one_takes_from_all() -> None:
    """Of 3,000 devices about a third each; no device moves between places that were there."""
    devices = [f"device-{number}" for number in range(3_000)]
    two = {device: preferred(device, [HERE, THERE]) for device in devices}
    three = {device: preferred(device, [HERE, THERE, OTHER]) for device in devices}
    assert all(900 < count < 1_100 for count in Counter(three.values()).values())
    assert {three[device] for device in devices if three[device] != two[device]} == {OTHER}


def test_every_row_goes_to_one_place_and_keeps_its_number(
    rows: Callable[..., str], tmp_path: Path
) -> None:
    """Line N of a place's manifest is line N of the whole one, or blank."""
    devices = [f"device-{number}" for number in range(40)]
    parts = spread(request_for(tmp_path, rows(*devices)))
    spread_rows = rows_of(parts)
    assert sorted(row for part in spread_rows.values() for row in part.items()) == list(
        enumerate(devices, start=1)
    )
    assert {part.name: part.devices for part in parts.parts} == {
        name: len(some) for name, some in spread_rows.items()
    }
    assert all(spread_rows.values())


def test_the_same_manifest_makes_the_same_files(rows: Callable[..., str], tmp_path: Path) -> None:
    """Byte for byte, so that a run after a crash goes on with the very same batches."""
    request = request_for(tmp_path, rows(*(f"device-{number}" for number in range(20))))
    first = [Path(part.request.manifest).read_bytes() for part in spread(request).parts]
    assert [Path(part.request.manifest).read_bytes() for part in spread(request).parts] == first


def test_a_row_may_name_its_place(rows: Callable[..., str], tmp_path: Path) -> None:
    """By account and region, or by a region that one place alone has; others are refused."""
    manifest = rows(
        {"device_id": "a", "place": OTHER},
        {"device_id": "b", "place": "us-east-1"},
        {"device_id": "c", "place": "eu-west-1"},
        {"device_id": "d", "place": "ap-south-1"},
    )
    request = request_for(tmp_path, manifest)
    parts = spread(request)
    assert rows_of(parts) == {HERE: {}, THERE: {2: "b"}, OTHER: {1: "a"}}
    told = refusals(request)
    assert parts.refused == len(told) == 2
    assert told["c"].startswith("row 3: the place 'eu-west-1' is none of this batch; name one of")
    assert HERE in told["d"]


def test_a_device_stays_where_it_is_certified(rows: Callable[..., str], tmp_path: Path) -> None:
    """Whatever its name says; a row that names another place is refused, and buys nothing."""
    devices = [f"device-{number}" for number in range(6)]
    assert preferred(devices[0], [HERE, THERE]) == THERE
    known = Known({name: [IN_HERE] for name in [*devices, "moved", "kept"]})
    manifest = rows(
        *devices, {"device_id": "moved", "place": THERE}, {"device_id": "kept", "place": HERE}
    )
    request = request_for(tmp_path, manifest, HERE, THERE)
    spread_rows = rows_of(spread(request, known))
    assert list(spread_rows[HERE].values()) == [*devices, "kept"]
    assert f"certified in {HERE}" in refusals(request)["moved"]


def test_a_device_whose_place_is_left_out_is_not_bought_again(
    rows: Callable[..., str], tmp_path: Path
) -> None:
    """Unless it is certified in a place that is there too; a sandbox is another world."""
    sandboxed = f"{IN_THERE}-sandbox-1"
    known = Known({"left": [IN_THERE], "both": [IN_HERE, IN_THERE], "tried": [sandboxed]})
    manifest = rows("left", "both", "tried", {"device_id": "left-2"})
    request = request_for(tmp_path, manifest, HERE, OTHER)
    placed = rows_of(spread(request, known))
    assert placed[HERE][2] == "both"
    assert {name for row in placed.values() for name in row.values()} == {"both", "tried", "left-2"}
    assert refusals(request) == {
        "left": f"row 1: the device is certified in {THERE}, which is none of the places; "
        "name that one too, or move the device with birthcert issue"
    }


def test_a_device_of_two_places_stays_in_one_of_them(
    rows: Callable[..., str], tmp_path: Path
) -> None:
    """Of those that certified it, always the same, or the one that its row names."""
    known = Known({name: [IN_HERE, IN_THERE] for name in ("a", "b")})
    request = request_for(tmp_path, rows("a", {"device_id": "b", "place": THERE}))
    spread_rows = rows_of(spread(request, known))
    assert "a" in spread_rows[preferred("a", [HERE, THERE])].values()
    assert spread_rows[THERE][2] == "b"


def test_the_ledger_is_asked_by_the_hundred(rows: Callable[..., str], tmp_path: Path) -> None:
    """A question for 500 rows, not one for each."""
    known = Known()
    spread(request_for(tmp_path, rows(*(f"device-{number}" for number in range(520)))), known)
    assert known.asked == [500, 20]


def test_two_places_never_share_a_name_or_a_key(
    rows: Callable[..., str], csr_for: Callable[..., bytes], tmp_path: Path
) -> None:
    """One device named for two places, and one key of two devices, are found over all rows."""
    csr = csr_for("a").decode()
    manifest = rows(
        {"device_id": "a", "csr": csr, "place": HERE},
        {"device_id": "a", "place": THERE},
        {"device_id": "twin", "csr": csr, "place": THERE},
    )
    request = request_for(tmp_path, manifest, HERE, THERE, subject="from-manifest")
    assert rows_of(spread(request)) == {HERE: {1: "a"}, THERE: {}}
    assert refusals(request) == {
        "a": "row 2: the device_id is that of row 1 already",
        "twin": "row 3: the public key is that of row 1 already",
    }


def test_csr_files_and_subjects_travel_with_the_row(
    csr_for: Callable[..., bytes], manifest: Callable[..., str], tmp_path: Path
) -> None:
    """A CSV's paths are relative to it, so the places' manifests have the CSRs themselves."""
    (tmp_path / "csr").mkdir()
    (tmp_path / "csr/a.csr").write_bytes(csr_for("a"))
    path = manifest("device_id,csr,place,country\na,csr/a.csr,us-east-1,NL\nb,csr/b.csr,,NL\n")
    request = request_for(tmp_path, path, subject="from-manifest")
    parts = spread(request)
    (row,) = read_manifest(parts.parts[1].request.manifest)
    assert (row.row, row.subject) == (2, {"country": "NL"})
    assert row.csr_pem.encode() == (tmp_path / "csr/a.csr").read_bytes()
    assert refusals(request) == {"b": "row 3: there is no CSR file 'csr/b.csr'"}


def test_keys_that_are_to_be_made_are_not_made_by_spreading(
    manifest: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place's own batch makes them; without a passphrase nothing begins."""
    request = request_for(tmp_path, manifest("device_id\na\nb\n"), generate_keys="EC_prime256v1")
    with pytest.raises(ConfigurationError, match="passphrase"):
        spread(request)
    monkeypatch.setenv("BIRTHCERT_KEY_PASSPHRASE", "a stone under the gate")
    for part in spread(request).parts:
        assert b"BEGIN" not in gzip.decompress(Path(part.request.manifest).read_bytes())
    assert not [*Path(request.out).rglob("*.pem")]


def test_a_place_that_cannot_be_reached_keeps_its_devices(
    rows: Callable[..., str], tmp_path: Path
) -> None:
    """They wait for it: certified elsewhere they would have moved."""
    request = request_for(tmp_path, rows(*(f"device-{number}" for number in range(20))))
    parts = spread(request, None, THERE)
    assert rows_of(parts) == rows_of(spread(request))
    assert [part.problem for part in parts.parts] == ["", "no route", ""]


def test_places_that_are_one_or_unknown_end_the_run(tmp_path: Path) -> None:
    """Before anything is touched, each with what to do."""
    request = request_for(tmp_path, "m.jsonl", HERE, THERE)
    here = Place(partition="aws", account="111111111111", region="eu-west-1")
    folder = LocalFolder(tmp_path)
    first, second = request.wheres()
    nameless = second.model_copy(update={"account": None})
    for reached, expected in (
        ([Reached(first, here), Reached(second, here)], f"two of the places are {HERE}; "),
        ([Reached(first, here), Reached(nameless, None, "no route")], "name its account too"),
        ([Reached(first, None, "no route; ask"), Reached(second, None, "-")], "no place can be"),
    ):
        with pytest.raises(ConfigurationError, match=expected):
            parts_of(request, reached, folder)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param([{"region": "eu-west-1"}], "at least 2 items", id="one place"),
        pytest.param([{"region": "eu-west-1"}] * 2, "place 2 is there twice", id="one twice"),
        pytest.param([{"region": "eu-west-1"}, {}], "names neither", id="nothing named"),
        pytest.param([{"region": "Dublin"}, {}], "String should match", id="no region"),
        pytest.param([{"account": "12"}, {}], "String should match", id="no account"),
        pytest.param([{"role": "x"}, {}], "Extra inputs", id="unknown field"),
        pytest.param(
            [{"region": f"eu-west-{n % 10}", "account": f"{n:012}"} for n in range(17)],
            "at most 16 items",
            id="too many",
        ),
    ],
)
def test_a_request_names_two_places_or_more(places: list[Any], expected: str) -> None:
    """Different ones, of the right form."""
    facts = {"tenant": "acme", "manifest": "m", "out": "o", "places": places}
    with pytest.raises(ValidationError, match=expected):
        FleetRequest.model_validate(facts)
