"""What reconcile does for bundles whose parts are missing or torn."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from birthcert.issuance.devices import Device
from birthcert.issuance.helper import Helper
from birthcert.issuance.layout import laid_out
from birthcert.issuance.output import prepare_output, write_report
from birthcert.models import IssueRequest, Place
from birthcert.reconciliation.repair import repair

PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")


@pytest.fixture
def out(workshop: Any, fleet: list[Device], tmp_path: Path) -> Path:
    """A finished batch of forty devices in four parts."""
    folder = tmp_path / "bundled"
    request = IssueRequest(
        tenant="acme", manifest="fleet.jsonl", out=str(folder), layout="bundle", chunk_size=10
    )
    outcomes = []
    with Helper() as helper, workshop.ledger() as ledger:
        bundle = laid_out(request, prepare_output(request.out), helper)
        batch_id = ledger.begin_batch("acme", PLACE, workshop.authority.arn, out=str(folder))
        for number in range(4):
            chunk = fleet[number * 10 : number * 10 + 10]
            done = workshop.run(chunk, outlet=bundle.outlet(number + 1), batch_id=batch_id)
            outcomes += done.values()
        write_report(bundle.folder, outcomes)
        bundle.finish()
    workshop.authority.calls.clear()
    return folder


def _repair(workshop: Any, *, dry_run: bool = False) -> list[str]:
    with workshop.ledger() as ledger:
        found = repair(
            ledger,
            PLACE,
            workshop.authority.arn,
            workshop.authority.get,
            threads=4,
            dry_run=dry_run,
        )
    return sorted(each.device_id for each in found)


def test_whole_bundle_is_left_alone(workshop: Any, out: Path) -> None:
    """Nothing is fetched and nothing written where every part is whole."""
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert _repair(workshop) == []
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert not workshop.authority.calls


def test_torn_and_missing_parts_come_back_without_buying(
    workshop: Any, fleet: list[Device], out: Path
) -> None:
    """Their certificates are fetched, in the parts' own order; a dry run only tells which."""
    first, third = out / "part-00001.jsonl.gz", out / "part-00003.jsonl.gz"
    content = gzip.decompress(first.read_bytes()), gzip.decompress(third.read_bytes())
    index = (out / "index.csv").read_text()
    first.write_bytes(first.read_bytes()[:-9])
    third.unlink()
    lost = sorted(device.device_id for device in [*fleet[:10], *fleet[20:30]])
    assert _repair(workshop, dry_run=True) == lost
    assert not workshop.authority.calls
    assert _repair(workshop) == lost
    assert workshop.authority.calls == {"get": 20}
    assert (gzip.decompress(first.read_bytes()), gzip.decompress(third.read_bytes())) == content
    assert (out / "index.csv").read_text() == index
    assert not [path for path in out.iterdir() if path.is_dir()]
