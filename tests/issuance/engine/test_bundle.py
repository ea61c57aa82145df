"""A chunk's certificates as one part: written whole, looked into, mended without buying."""

import gzip
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from birthcert.errors import AwsCallFailed
from birthcert.issuance.bundle import INDEX, Bundle
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device
from birthcert.issuance.engine import all_found
from birthcert.issuance.helper import PROCESSES, Helper
from birthcert.pki.certificates import split_pem
from birthcert.storage.local import LocalFolder


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    """One helper process for all these tests."""
    with Helper() as helper:
        yield helper


@pytest.fixture
def bundle(tmp_path: Path, helper: Helper) -> Bundle:
    """An empty bundle."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    return Bundle(LocalFolder(folder), size=40, helper=helper)


def _part(bundle: Bundle, number: int = 1) -> Path:
    return Path(bundle.folder.address(bundle.part(number)))


def _lines(bundle: Bundle, number: int = 1) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.open(_part(bundle, number))]


def _run(workshop: Any, bundle: Bundle, devices: list[Device]) -> dict[str, int]:
    outcomes = workshop.run(devices, outlet=bundle.outlet(1))
    assert {each.certificate for each in outcomes.values()} <= {str(_part(bundle)), ""}
    results = [each.outcome for each in outcomes.values()]
    return {result: results.count(result) for result in set(results)}


def test_part_has_what_a_folder_of_files_has(
    workshop: Any, fleet: list[Device], bundle: Bundle
) -> None:
    """A line for each device, in the manifest's order: its certificate, and what it presents."""
    assert _run(workshop, bundle, fleet) == {"issued": 40}
    lines = _lines(bundle)
    assert [line["device_id"] for line in lines] == [device.device_id for device in fleet]
    with workshop.ledger() as ledger:
        records = {record.device_id: record for record in ledger.records()}
    for line in lines:
        record = records[line["device_id"]]
        assert (record.state, record.serial_number) == ("delivered", line["serial_number"])
        assert record.certificate_arn == line["certificate_arn"]
        certificate = x509.load_pem_x509_certificate(line["certificate"].encode())
        assert certificate.not_valid_after_utc.isoformat() == line["not_after"]
        assert split_pem(line["chain"]) == [line["certificate"], workshop.authority.certificate_pem]


def test_good_part_is_left_alone(workshop: Any, fleet: list[Device], bundle: Bundle) -> None:
    """A second run asks AWS for nothing and does not write the part again."""
    _run(workshop, bundle, fleet)
    before = _part(bundle).stat()
    workshop.authority.calls.clear()
    assert _run(workshop, bundle, fleet) == {"existing": 40}
    after = _part(bundle).stat()
    assert not workshop.authority.calls
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _torn(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-100])


def _changed(part: Path) -> None:
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)


def _of_others(part: Path) -> None:
    part.write_bytes(gzip.compress(b'{"device_id": "stranger", "serial_number": "0a"}\n'))


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(Path.unlink, id="missing"),
        pytest.param(_torn, id="torn"),
        pytest.param(_changed, id="changed"),
        pytest.param(_of_others, id="another's"),
        pytest.param(lambda part: part.write_bytes(b""), id="empty"),
    ],
)
def test_harmed_part_is_written_again_without_buying(
    workshop: Any, fleet: list[Device], bundle: Bundle, harm: Any
) -> None:
    """What is not there any more is fetched; the part is then what it was."""
    _run(workshop, bundle, fleet)
    content = _lines(bundle)
    harm(_part(bundle))
    workshop.authority.calls.clear()
    assert _run(workshop, bundle, fleet) == {"existing": 40}
    assert workshop.authority.calls == {"get": 40}
    assert _lines(bundle) == content


def test_grown_chunk_keeps_what_its_part_has(
    workshop: Any, fleet: list[Device], bundle: Bundle
) -> None:
    """Devices that come to a chunk are issued; the others' certificates are not fetched again."""
    _run(workshop, bundle, fleet[5:30])
    workshop.authority.calls.clear()
    assert _run(workshop, bundle, fleet) == {"existing": 25, "issued": 15}
    assert workshop.authority.calls == {"issue": 15, "get": 15}
    assert [line["device_id"] for line in _lines(bundle)] == [each.device_id for each in fleet]


def test_wrong_certificate_is_left_out(workshop: Any, fleet: list[Device], bundle: Bundle) -> None:
    """One that is not what was asked for fails its device, and the others are written."""
    good = ec.generate_private_key(ec.SECP256R1()).public_key()

    def spoil(action: str, device: str) -> None:
        workshop.authority.wrong_key = good if (action, device) == ("issue", "device-7") else None

    workshop.authority.before = spoil
    with Crew(1) as crew:
        outcomes = workshop.run(fleet[:10], outlet=bundle.outlet(1), crew=crew)
    assert outcomes["device-7"].outcome == "failed"
    assert "its public key is not the CSR's" in outcomes["device-7"].reason
    assert [line["device_id"] for line in _lines(bundle)] == [
        device.device_id for device in fleet[:10] if device.device_id != "device-7"
    ]
    assert workshop.states()["device-7"] == "issued"


def test_fault_of_all_leaves_a_part_with_what_was_fetched(
    workshop: Any, fleet: list[Device], bundle: Bundle
) -> None:
    """When a chunk ends early, what it has is written and need not be fetched again."""
    workshop.run(fleet[:20], outlet=bundle.outlet(1))

    def refuse(action: str, _device: str) -> None:
        if action == "issue":
            raise AwsCallFailed(
                service="acm-pca",
                action="IssueCertificate",
                code="AccessDeniedException",
                message="no more",
                status=400,
            )

    workshop.authority.before = refuse
    with pytest.raises(AwsCallFailed):
        workshop.run(fleet, outlet=bundle.outlet(1))
    assert len(_lines(bundle)) == 20


def test_known_chunk_needs_no_transaction(
    workshop: Any, fleet: list[Device], bundle: Bundle
) -> None:
    """What the ledger was known to have as delivered is found in its part, or it is not."""
    _run(workshop, bundle, fleet)
    wanted = [(device.device_id, device.csr.sha256) for device in fleet]
    with workshop.ledger() as ledger:
        authority = next(iter(ledger.authorities()))
        of = authority.tenant, authority.place, authority.arn
        known = ledger.delivered_of(of, "EndEntityClientAuthCertificate/V1", wanted)
        assert not ledger.delivered_of(of, "EndEntityCertificate/V1", wanted)
    again = [replace(each, known=known[each.device_id, each.csr.sha256]) for each in fleet]
    outcomes = all_found(1, again, bundle)
    assert outcomes is not None
    assert [(each.device_id, each.outcome) for each in outcomes] == [
        (device.device_id, "existing") for device in fleet
    ]
    whole = _part(bundle).read_bytes()
    for spoiled in _spoiled(whole):
        _part(bundle).write_bytes(spoiled)
        assert all_found(1, again, bundle) is None
    assert all_found(1, again[1:], bundle) is None
    _part(bundle).unlink()
    assert all_found(1, again, bundle) is None


def _spoiled(part: bytes) -> Iterator[bytes]:
    """The part cut short, without a line, with its lines in another order, and with the first
    device's line naming another device or another certificate."""
    lines = gzip.decompress(part).splitlines(keepends=True)
    facts = json.loads(lines[0])
    yield part[:-20]
    for changed in (
        lines[1:],
        [lines[1], lines[0], *lines[2:]],
        [lines[1], *lines[1:]],
        [json.dumps(facts | {"serial_number": "00:11"}).encode() + b"\n", *lines[1:]],
    ):
        yield gzip.compress(b"".join(changed))


def test_index_names_every_part(workshop: Any, fleet: list[Device], bundle: Bundle) -> None:
    """The index has the parts of this run and of earlier ones, with their checksums."""
    workshop.run(fleet[:15], outlet=bundle.outlet(1))
    workshop.run(fleet[15:], outlet=bundle.outlet(2))
    bundle.finish()
    index = Path(bundle.folder.address(INDEX)).read_text()
    Bundle(bundle.folder, size=40, helper=bundle.helper).finish()
    assert Path(bundle.folder.address(INDEX)).read_text() == index
    rows = [line.split(",")[:4] for line in index.splitlines()[1:]]
    assert rows == [
        ["part-00001.jsonl.gz", "15", "device-1", "device-15"],
        ["part-00002.jsonl.gz", "25", "device-16", "device-40"],
    ]


def test_helper_that_dies_is_done_without(tmp_path: Path) -> None:
    """A helper that was killed costs time alone."""
    with Helper() as helper:
        for pid in {helper.call(os.getpid) for _ in range(PROCESSES)}:
            assert pid != os.getpid()
            os.kill(pid, signal.SIGKILL)
        for _ in range(2 * PROCESSES):
            assert helper.call(os.getpid) == os.getpid()


def test_helper_works_in_processes_side_by_side() -> None:
    """A call does not wait for another one's end."""
    with Helper() as helper:
        pids = [helper.submit(os.getpid) for _ in range(20 * PROCESSES)]
        assert len({pid.result() for pid in pids} - {os.getpid()}) == PROCESSES


def test_helper_tells_what_was_raised() -> None:
    """An error of the work comes back as it was."""
    with Helper() as helper, pytest.raises(ValueError, match="invalid literal"):
        helper.call(int, "x")
