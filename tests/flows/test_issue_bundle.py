"""The flow `issue` in the bundle layout: parts, an index, a second run that only looks."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import ConfigurationError
from birthcert.ledger.ledger import Ledger, utc_now
from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.settings import load_settings
from birthcert.status import batches_status

Run = Callable[[Any], Any]
DEVICES = 12


@pytest.fixture(scope="module")
def asked(desk: Path, run_bootstrap: Run) -> IssueRequest:
    """A bootstrapped tenant, and a manifest of twelve devices in parts of five, one row bad."""
    run_bootstrap(
        BootstrapRequest.model_validate(
            {
                "tenant": "acme",
                "canary": False,
                "certificate_authority": {"key_algorithm": "EC_prime256v1"},
            }
        )
    )
    rows = []
    for number in range(DEVICES):
        name = f"pump-{number}"
        csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
        rows.append(json.dumps({"device_id": name, "csr": csr.decode()}))
    rows[7] = "no json"
    path = desk / "manifest.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    return IssueRequest(
        tenant="acme", manifest=str(path), out=str(desk / "out"), layout="bundle", chunk_size=5
    )


@pytest.fixture(scope="module")
def runs(asked: IssueRequest, run_issue: Run) -> list[Any]:
    """Issued; again with chunks of another size; and once more after a part was cut short."""
    first = run_issue(asked)
    again = run_issue(asked.model_copy(update={"layout": "auto", "chunk_size": 3}))
    part = Path(asked.out) / "part-00001.jsonl.gz"
    part.write_bytes(part.read_bytes()[:200])
    return [first, again, run_issue(asked)]


def _lines(part: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in gzip.decompress(part.read_bytes()).splitlines()]


def _calls(ran: Any) -> dict[str, int]:
    issued, got = (
        sum(ran.calls.get(f"acm-pca.{action}", {}).values())
        for action in ("IssueCertificate", "GetCertificate")
    )
    return {"issue": issued, "get": got}


def test_chunks_come_as_parts(runs: list[Any], asked: IssueRequest) -> None:
    """A line for each device in the chunk's part, the report names the part, the index all."""
    out, report = Path(asked.out), runs[0].report
    assert (report.issued, report.refused, report.exit_code()) == (DEVICES - 1, 1, 3)
    parts = [f"part-0000{number}.jsonl.gz" for number in (1, 2, 3)]
    names = {part: [line["device_id"] for line in _lines(out / part)] for part in parts}
    with (out / "report.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["outcome"] != "refused":
            assert row["device_id"] in names[Path(row["certificate"]).name]
    assert sum(map(len, names.values())) == DEVICES - 1
    with (out / "index.csv").open(newline="") as stream:
        assert [row["part"] for row in csv.DictReader(stream)] == parts


def test_second_run_only_looks(runs: list[Any]) -> None:
    """Everything is there, so nothing is asked for, whatever chunk size the command has now."""
    report = runs[1].report
    assert (report.existing, report.refused) == (DEVICES - 1, 1)
    assert _calls(runs[1]) == {"issue": 0, "get": 0}


def test_torn_part_is_fetched_again(runs: list[Any], asked: IssueRequest) -> None:
    """The part's five certificates are fetched, nothing is issued, and the part is whole."""
    assert _calls(runs[2]) == {"issue": 0, "get": 5}
    assert len(_lines(Path(asked.out) / "part-00001.jsonl.gz")) == 5


def test_status_finds_what_is_in_parts(runs: list[Any], asked: IssueRequest) -> None:
    """The batch's certificates are looked for in the parts."""
    settings = load_settings()
    with Ledger.open(settings.ledger_url, settings.state_folder) as ledger:
        first = batches_status(ledger, "acme", now=utc_now())[-1]
    assert (first.delivered, first.files_missing) == (DEVICES - 1, 0)
    assert runs


def test_bundle_of_another_manifest_is_left_alone(
    runs: list[Any], asked: IssueRequest, run_issue: Run
) -> None:
    """A second manifest needs a folder of its own."""
    assert runs
    other = Path(asked.manifest).with_name("other.jsonl")
    other.write_bytes(gzip.decompress(Path(asked.manifest).read_bytes()))
    with pytest.raises(ConfigurationError, match="another manifest"):
        run_issue(asked.model_copy(update={"manifest": str(other)}))
