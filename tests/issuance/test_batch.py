"""A batch in the ledger: what is written down while it goes on."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from birthcert.issuance.batch import REFUSALS_TOGETHER, Batch
from birthcert.issuance.devices import DeviceOutcome
from birthcert.issuance.output import prepare_output
from birthcert.ledger.ledger import Ledger
from birthcert.models import CertificateAuthority, IssueRequest, Place

PLACE = Place(partition="aws", account="123456789012", region="eu-west-1")
AUTHORITY = CertificateAuthority(
    arn="arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/one",
    status="ACTIVE",
    key_algorithm="RSA_2048",
    signing_algorithm="SHA256WITHRSA",
)
ROWS = 2 * REFUSALS_TOGETHER + 200


class Killed(BaseException):
    """The process dies."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with Ledger.open(None, tmp_path / "state") as opened:
        yield opened


def refused(ledger: Ledger) -> list[str]:
    """The devices that the ledger has as refused."""
    return [record.device_id for record in ledger.records(states=["refused"])]


def run(ledger: Ledger, folder: Path, *, killed_at: int | None = None) -> list[int]:
    """A batch of bad rows; how many the ledger lacked of those that were out, at each row."""
    lacking = []

    def outcomes() -> Iterator[DeviceOutcome]:
        for row in range(ROWS):
            if row == killed_at:
                raise Killed
            if row % 100 == 0:
                lacking.append(row - len(refused(ledger)))
            yield DeviceOutcome(f"device-{row}", row, "refused", reason="its CSR is cut short")

    request = IssueRequest(tenant="acme", manifest=str(folder / "m.csv"), out=str(folder / "out"))
    out = prepare_output(request.out)
    with suppress(Killed), Batch(request, PLACE, AUTHORITY, ledger=ledger, out=out) as batch:
        batch.record(outcomes())
    return lacking


def test_refusals_are_written_down_by_groups(ledger: Ledger, tmp_path: Path) -> None:
    """Memory holds one group of them, however many rows are bad; at the end all are on file."""
    lacking = run(ledger, tmp_path)
    assert 0 < max(lacking) <= REFUSALS_TOGETHER
    assert len(refused(ledger)) == ROWS


def test_a_batch_that_is_run_again_doubles_no_refusal(ledger: Ledger, tmp_path: Path) -> None:
    """What the killed run wrote down stays, and the next one adds what is not there."""
    run(ledger, tmp_path, killed_at=ROWS - 100)
    assert len(refused(ledger)) == 2 * REFUSALS_TOGETHER
    run(ledger, tmp_path)
    assert sorted(refused(ledger)) == sorted(f"device-{row}" for row in range(ROWS))
