"""A manifest in shards: each sees its own rows only, and all of them see what one run would."""

import json
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from birthcert.errors import UnusableInput
from birthcert.issuance import shards
from birthcert.issuance.batch import checked_rows
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.merging import merged
from birthcert.issuance.output import prepare_output, read_report, write_report
from birthcert.issuance.shards import shards_of
from birthcert.models import IssueRequest, Shard
from birthcert.storage.local import LocalFolder


def request(manifest: str, shard: Shard | None = None) -> IssueRequest:
    return IssueRequest(tenant="acme", manifest=manifest, out="out", shard=shard)


def seen(request: IssueRequest) -> list[tuple[object, ...]]:
    """What a run makes of its rows."""
    return [
        (row.row, row.device_id, row.csr.sha256)
        if isinstance(row, Device)
        else (row.row, row.device_id, row.reason)
        for row in checked_rows(request)
    ]


@pytest.fixture(scope="module")
def csrs(csr_for) -> list[tuple[str, str]]:
    """Devices with CSRs, some of which share a key, and one whose CSR is another's."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(6)]
    made = [(f"d{n}", csr_for(f"d{n}", keys[n % 6]).decode()) for n in range(12)]
    return [*made, ("odd", made[0][1]), ("none", "")]


def jsonl(rows: list[tuple[str, str]], dice: random.Random) -> list[str]:
    lines = [json.dumps({"device_id": name, "csr": csr}) for name, csr in rows]
    return [line for each in lines for line in ([each, ""] if dice.random() < 0.2 else [each])]


@pytest.mark.parametrize("seed", range(12))
def test_shards_see_what_one_run_sees(csrs, manifest, tmp_path, seed):
    """Repeated names and keys are refused with the same row and reason, wherever a shard ends."""
    dice = random.Random(seed)
    drawn = [dice.choice(csrs) for _ in range(30)]
    if seed % 2:
        for name, csr in csrs:
            (tmp_path / f"{name}.csr").write_text(csr)
        lines = [
            "device_id,csr",
            *(f"{name},{csrs[dice.randrange(14)][0]}.csr" for name, _ in drawn),
        ]
    else:
        lines = jsonl(drawn, dice)
    path = manifest(lines)
    made = list(shards_of(checked_rows(request(path)), size=dice.choice([1, 4, 7, 30, 100])))
    parts = [
        seen(request(path, Shard.model_validate_json(each.model_dump_json()))) for each in made
    ]
    assert [row for part in parts for row in part] == seen(request(path))
    assert [len(part) for part in parts] == [shard.devices for shard in made]


def test_a_shard_names_only_what_repeats_earlier_ones():
    """What repeats a row of its own shard is found there."""
    twins = [DeviceOutcome("a", row, "refused", repeats=row - 1) for row in (3, 4)]
    first = DeviceOutcome("a", 2, "refused")
    one, two = shards_of([first, *twins], size=2)
    assert (one.first, one.last, one.devices, one.repeated) == (2, 3, 2, {})
    assert (two.label, two.repeated) == ("4-4", {4: ""})


@pytest.mark.parametrize(("last", "devices"), [(4, 1), (9, 6), (9, 0)])
def test_a_range_that_cannot_be_is_no_shard(last, devices):
    """It would certify nothing, and say that all is well."""
    with pytest.raises(ValueError, match="devices"):
        Shard(first=5, last=last, devices=devices)


def test_no_rows_make_no_shards():
    assert list(shards_of([], size=5)) == []


def test_a_shard_with_too_many_repetitions_is_refused(monkeypatch):
    """They would not fit into the parameters of a run."""
    monkeypatch.setattr(shards, "REPEATED_AT_MOST", 1)
    rows = [DeviceOutcome("a", row, "refused", repeats=1) for row in range(2, 6)]
    with pytest.raises(UnusableInput, match="more than 1 of the rows 2 to 3 repeat earlier ones"):
        list(shards_of(rows, size=2))


OUTCOMES = [
    DeviceOutcome("a", 0, "issued", "01:02", "arn:a", "2030-01-01", "out/a/certificate.pem"),
    DeviceOutcome("", 3, "refused", reason='row 3 has a ü, and a "quote"'),
    DeviceOutcome("b", 4, "failed", certificate_arn="arn:b", reason="why: row 9: 'x'"),
]


def test_a_report_is_read_back(tmp_path: Path):
    """Outcomes survive the way through report.csv, with the row where there is a reason."""
    write_report(LocalFolder(tmp_path), OUTCOMES)
    assert list(read_report(LocalFolder(tmp_path), "report.csv")) == OUTCOMES


@pytest.mark.parametrize("text", [None, "device_id\na\n", "\xff".encode("latin-1")])
def test_what_is_no_report_is_said(tmp_path: Path, text: str | bytes | None):
    path = tmp_path / "report.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnusableInput, match="cannot be read"):
        list(read_report(LocalFolder(tmp_path), "report.csv"))


def test_reports_are_merged_in_order(tmp_path: Path):
    """And a shard that found other rows than were handed out is noticed."""
    one, two = Shard(first=2, last=3, devices=2), Shard(first=4, last=4, devices=1)
    for shard, outcomes in ((one, OUTCOMES[:2]), (two, OUTCOMES[2:])):
        write_report(LocalFolder(tmp_path), outcomes, f"shards/{shard.label}.csv")
    out = prepare_output(str(tmp_path))
    assert list(merged(out, [one, two])) == OUTCOMES
    with pytest.raises(UnusableInput, match=r"rows 4-4 were 9 devices .* and 1 when"):
        list(merged(out, [one, two.model_copy(update={"devices": 9})]))
