"""CSRs read ahead of a large batch, and known again without being decoded."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from birthcert.errors import UnusableInput
from birthcert.issuance.checks import check_rows
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.helper import AT_ONCE, Helper
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.reading import ReadAhead
from birthcert.jitp.template import render_template
from birthcert.ledger.records import Known
from birthcert.pki.csr import plain_csr_sha256, read_csr
from birthcert.storage.local import LocalFolder

Rows = list[Device | DeviceOutcome]


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    """One helper process for these tests."""
    with Helper() as helper:
        yield helper


@pytest.fixture(scope="module")
def rows(csr_for: Callable[..., bytes]) -> list[str]:
    """More rows than are read at once, some of each kind of bad."""
    csrs = [csr_for(f"device-{number}").decode() for number in range(AT_ONCE + 30)]
    lines = [json.dumps({"device_id": f"device-{at}", "csr": csr}) for at, csr in enumerate(csrs)]
    lines[3] = "no json"
    lines[5] = json.dumps({"device_id": "device-5", "csr": "no csr"})
    lines[7] = json.dumps({"device_id": "device-7", "csr": csrs[8]})
    lines[9] = json.dumps({"device_id": "device-9", "csr_path": "missing.csr"})
    lines[AT_ONCE + 5] = lines[1]
    lines[AT_ONCE + 7] = json.dumps({"device_id": "x" * 200, "csr": csrs[10]})
    return lines


def _checked(path: str, **options: object) -> Rows:
    folder = LocalFolder(Path(path).parent)
    template = render_template(thing_type="Pump", policy_name="acme-device")
    return list(
        check_rows(
            read_manifest(path),
            folder=folder,
            subject_mode="from-csr",
            provisioning_template=template,
            **options,  # type: ignore[arg-type]
        )
    )


def test_reading_ahead_finds_the_same(
    helper: Helper, rows: list[str], manifest: Callable[..., str]
) -> None:
    """By the hundred in the helper: the same devices, the same refusals, the same order."""
    path = manifest(rows, "m.jsonl")
    ahead = _checked(path, read=ReadAhead(helper))
    assert ahead == _checked(path)
    refused = [each.row for each in ahead if isinstance(each, DeviceOutcome)]
    assert refused == [4, 6, 8, 10, AT_ONCE + 6, AT_ONCE + 8]


def test_lines_parsed_ahead_are_the_same_rows(
    helper: Helper, rows: list[str], manifest: Callable[..., str]
) -> None:
    """By the helper: the same rows, in order, with the hash of each plain CSR beside it."""
    subject = {"device_id": "device-x", "country": "NL", "csr_path": "x.csr"}
    path = manifest([*rows, "[" * 100_000, json.dumps(subject), "{", *rows * 6], "m.jsonl")
    ahead = list(read_manifest(path, helper=helper))
    assert [row._replace(csr_sha256=None) for row in ahead] == list(read_manifest(path))
    assert [row.csr_sha256 for row in ahead[:2]] == [
        read_csr(row.csr_pem.encode()).sha256 for row in ahead[:2]
    ]
    assert [row.row for row in ahead if row.csr_pem and not row.csr_sha256][:1] == [6]


def test_damage_is_told_of_lines_parsed_ahead(
    helper: Helper, rows: list[str], manifest: Callable[..., str]
) -> None:
    """A gzip file cut short: rows before the damage come, then the error that names the row."""
    cut = gzip.compress("\n".join(rows * 8).encode())[:-100]
    seen: list[int] = []
    with pytest.raises(UnusableInput, match="damaged gzip file after row"):
        seen.extend(row.row for row in read_manifest(manifest(cut, "m.jsonl"), helper=helper))
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= AT_ONCE


def test_what_is_known_is_not_decoded(
    rows: list[str], manifest: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that the ledger has as delivered go without the helper; who repeats one is refused."""
    path = manifest([rows[1], rows[2], rows[AT_ONCE + 5]], "m.jsonl")
    first, second = (row for row in _checked(path)[:2] if isinstance(row, Device))
    known = {
        (device.device_id, device.csr.sha256): Known(
            device.csr.public_key_sha256, "arn:x", "0a", "2036-01-01T00:00:00+00:00"
        )
        for device in (first, second)
    }
    with Helper() as helper:
        monkeypatch.setattr(helper, "submit", lambda *_arguments: pytest.fail("it was asked"))
        look_up = ReadAhead(helper, lambda wanted: {key: known[key] for key in wanted})
        again = _checked(path, read=look_up)
    assert [each.known for each in again[:2] if isinstance(each, Device)] == list(known.values())
    repeated = again[2]
    assert isinstance(repeated, DeviceOutcome)
    assert "row 1 already" in repeated.reason


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pem: b"text before\n" + pem, id="text before"),
        pytest.param(lambda pem: pem + pem, id="twice"),
        pytest.param(lambda pem: pem.replace(b"\n", b"\r\n"), id="Windows' line ends"),
        pytest.param(lambda pem: pem.replace(b"REQUEST-----\nM", b"REQUEST-----\n!"), id="letter"),
        pytest.param(lambda pem: pem + b" " * 40_000, id="too long"),
    ],
)
def test_only_a_plain_csr_is_known_again(
    csr_for: Callable[..., bytes], change: Callable[[bytes], bytes]
) -> None:
    """Whatever is not one CSR and nothing else is read in full."""
    pem = csr_for("a")
    assert plain_csr_sha256(pem) == read_csr(pem).sha256
    assert plain_csr_sha256(change(pem)) is None
