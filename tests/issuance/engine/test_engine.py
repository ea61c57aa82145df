"""The engine against an authority that signs really and fails on demand."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from birthcert.errors import (
    AwsCallFailed,
    AwsUnreachable,
    BirthcertError,
    NotAsked,
    ResourceGone,
)
from birthcert.issuance.devices import Device
from birthcert.issuance.engine import INTERRUPTED
from birthcert.ledger.errors import LedgerUnavailable


def failure(code: str, action: str = "IssueCertificate", status: int = 400) -> AwsCallFailed:
    return AwsCallFailed(
        service="acm-pca", action=action, code=code, message="as told", status=status
    )


def counts(outcomes: dict[str, Any]) -> dict[str, int]:
    results = [outcome.outcome for outcome in outcomes.values()]
    return {result: results.count(result) for result in set(results)}


def test_every_device_gets_its_certificate(workshop: Any, fleet: list[Device]) -> None:
    """Each device is bought once, written, and recorded as delivered with its serial number."""
    outcomes = workshop.run(fleet)
    assert counts(outcomes) == {"issued": 40}
    assert workshop.authority.sold() == {device.device_id: 1 for device in fleet}
    with workshop.ledger() as ledger:
        records = {record.device_id: record for record in ledger.records()}
    for device in fleet:
        outcome, record = outcomes[device.device_id], records[device.device_id]
        certificate = x509.load_pem_x509_certificate(Path(outcome.certificate).read_bytes())
        assert certificate.serial_number == int(outcome.serial_number.replace(":", ""), 16)
        assert (record.state, record.certificate_arn) == ("delivered", outcome.certificate_arn)
        assert record.serial_number == outcome.serial_number
        assert record.not_after == certificate.not_valid_after_utc


def test_second_run_asks_aws_for_nothing(workshop: Any, fleet: list[Device]) -> None:
    """A device that was delivered and whose file is there is existing, without a call."""
    first = workshop.run(fleet)
    workshop.authority.calls.clear()
    second = workshop.run(fleet)
    assert counts(second) == {"existing": 40}
    assert not workshop.authority.calls
    assert {(each.serial_number, each.not_after) for each in first.values()} == {
        (each.serial_number, each.not_after) for each in second.values()
    }


def test_missing_file_is_fetched_not_bought(workshop: Any, fleet: list[Device]) -> None:
    """A delivered certificate whose file is gone is fetched again."""
    first = workshop.run(fleet)
    lost = Path(first["device-7"].certificate)
    content = lost.read_text()
    lost.unlink()
    workshop.authority.calls.clear()
    assert counts(workshop.run(fleet)) == {"existing": 40}
    assert workshop.authority.calls == {"get": 1}
    assert lost.read_text() == content


def test_subject_from_manifest_goes_through_api_passthrough(
    workshop: Any, fleet: list[Device]
) -> None:
    """A device with a subject of the manifest's is issued from the APIPassthrough template."""
    csr = fleet[0].csr
    device = Device(1, "renamed", csr, {"CommonName": "renamed", "Organization": "ACME"})
    assert counts(workshop.run([device])) == {"issued": 1}
    with workshop.ledger() as ledger:
        (record,) = ledger.records()
    assert record.template == "EndEntityClientAuthCertificate_APIPassthrough/V1"


@pytest.mark.parametrize(
    ("code", "status", "state"),
    [
        pytest.param("MalformedCSRException", 400, "failed", id="judged"),
        pytest.param("InternalFailure", 500, "requested", id="unknown"),
    ],
)
def test_one_devices_fault_is_its_own(
    workshop: Any, fleet: list[Device], code: str, status: int, state: str
) -> None:
    """One refused request fails one device; the next run goes on with it."""

    def refuse(action: str, device: str) -> None:
        if (action, device) == ("issue", "device-3"):
            raise failure(code, status=status)

    workshop.authority.before = refuse
    outcomes = workshop.run(fleet)
    assert counts(outcomes) == {"issued": 39, "failed": 1}
    assert code in outcomes["device-3"].reason
    assert workshop.states()["device-3"] == state
    workshop.authority.before = lambda _action, _device: None
    assert counts(workshop.run(fleet)) == {"existing": 39, "issued": 1}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(failure("InvalidStateException"), id="authority not active"),
        pytest.param(failure("AccessDeniedException"), id="access denied"),
        pytest.param(failure("LimitExceededException"), id="hard quota"),
        pytest.param(failure("ResourceNotFoundException"), id="authority gone"),
        pytest.param(AwsUnreachable("no route to acm-pca"), id="unreachable"),
    ],
)
def test_fault_of_all_stops_the_chunk(workshop: Any, fleet: list[Device], error: Exception) -> None:
    """An error that every device would meet is raised after a few calls, and resumable."""

    def refuse(_action: str, _device: str) -> None:
        raise error

    workshop.authority.before = refuse
    with pytest.raises(type(error), match=r"acm-pca"):
        workshop.run(fleet)
    assert workshop.authority.calls["issue"] <= 8
    assert list(workshop.states().values()).count("intended") >= 32
    workshop.authority.before = lambda _action, _device: None
    assert counts(workshop.run(fleet)) == {"issued": 40}
    assert max(workshop.authority.sold().values()) == 1


def test_expired_authority_costs_nothing(workshop: Any, fleet: list[Device]) -> None:
    """With a CA at its end nothing is requested."""
    workshop.authority.not_after = workshop.clock()
    with pytest.raises(ResourceGone, match="ends at"):
        workshop.run(fleet)
    assert not workshop.authority.calls
    assert set(workshop.states().values()) == {"intended"}


def test_certificate_that_aws_lost_fails_alone(workshop: Any, fleet: list[Device]) -> None:
    """ResourceNotFound for one certificate is that device's fault."""
    gone: list[str] = []

    def forget(action: str, arn: str) -> None:
        if action == "get" and (not gone or arn in gone):
            gone.append(arn)
            raise failure("ResourceNotFoundException", "GetCertificate")

    workshop.authority.before = forget
    outcomes = workshop.run(fleet)
    assert counts(outcomes) == {"issued": 39, "failed": 1}
    (failed,) = (each for each in outcomes.values() if each.outcome == "failed")
    assert failed.certificate_arn == gone[0]
    assert workshop.states()[failed.device_id] == "issued"


WRONG = {
    "key": "its public key is not the CSR's",
    "template": "ExtendedKeyUsage",
    "issuer": "not signed by",
}


@pytest.mark.parametrize("fault", list(WRONG))
def test_wrong_certificate_is_not_written(workshop: Any, fleet: list[Device], fault: str) -> None:
    """What AWS gave is checked against what was asked for; a wrong one is never bought again."""
    if fault == "key":
        workshop.authority.wrong_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    if fault == "template":
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        workshop.authority.alter = lambda builder: _replaced(builder, usage)
    if fault == "issuer":
        workshop.authority._key = ec.generate_private_key(ec.SECP256R1())
    for _ in range(2):
        outcome = workshop.run(fleet[:1])["device-1"]
        assert outcome.outcome == "failed"
        assert WRONG[fault] in outcome.reason
    assert workshop.states() == {"device-1": "issued"}
    assert workshop.authority.sold() == {"device-1": 1}
    assert not (workshop.folder / "out").exists()


def _replaced(
    builder: x509.CertificateBuilder, value: x509.ExtensionType
) -> x509.CertificateBuilder:
    builder._extensions = [
        x509.Extension(each.oid, each.critical, value) if each.oid == value.oid else each
        for each in builder._extensions
    ]
    return builder


def test_failed_writing_stops_the_chunk(workshop: Any, fleet: list[Device]) -> None:
    """An output that cannot be written concerns all; what was bought is in the ledger."""

    def full(_device: Device, _certificate: str, _chain: str) -> str:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        workshop.run(fleet, deliver=full)
    bought = workshop.authority.sold()
    assert list(workshop.states().values()).count("issued") == bought.total()
    assert set(workshop.run(fleet)) == {device.device_id for device in fleet}
    assert max(workshop.authority.sold().values()) == 1


def test_stop_ends_calls_in_flight_and_resumes(workshop: Any, fleet: list[Device]) -> None:
    """After a stop nothing new is begun, what was bought is recorded, and a new run goes on."""

    def stop(action: str, device: str) -> None:
        if (action, device) == ("issue", "device-9"):
            workshop.stop.set()

    workshop.authority.after = stop
    outcomes = workshop.run(fleet)
    undone = [each for each in outcomes.values() if each.reason == INTERRUPTED]
    assert len(undone) > 20
    states = list(workshop.states().values())
    assert "requested" not in states
    assert workshop.authority.sold().total() == 40 - states.count("intended")
    workshop.stop.clear()
    assert set(counts(workshop.run(fleet))) <= {"issued", "existing"}
    assert workshop.authority.sold() == {device.device_id: 1 for device in fleet}


@pytest.mark.parametrize(
    "error",
    [NotAsked("the run is ending"), LedgerUnavailable("the book is out of reach")],
    ids=["the run ends", "no quota book"],
)
def test_what_aws_was_not_asked_for_is_intended_again(
    workshop: Any, fleet: list[Device], error: BirthcertError
) -> None:
    """A call that never got its turn bought nothing: no row is left in doubt."""

    def refuse(action: str, device: str) -> None:
        if action == "issue" and int(device.partition("-")[2]) > 8:
            raise error

    workshop.authority.before = refuse
    if isinstance(error, NotAsked):
        reasons = {each.reason for each in workshop.run(fleet).values()}
        assert INTERRUPTED in reasons
    else:
        with pytest.raises(LedgerUnavailable):
            workshop.run(fleet)
    assert "requested" not in workshop.states().values()
    workshop.authority.before = lambda _action, _device: None
    workshop.stop.clear()
    assert set(counts(workshop.run(fleet))) <= {"issued", "existing"}
    assert workshop.authority.sold() == {device.device_id: 1 for device in fleet}


def test_slow_authority_is_asked_once_a_certificate(workshop: Any, fleet: list[Device]) -> None:
    """GetCertificate is called about once a certificate, however long AWS takes."""
    workshop.authority.ready_after_seconds = 0.5
    assert counts(workshop.run(fleet)) == {"issued": 40}
    assert workshop.authority.calls["get"] <= 46


def test_certificate_that_never_comes_fails(workshop: Any, fleet: list[Device]) -> None:
    """A certificate that AWS does not finish fails in time; the ARN is kept for a new run."""
    workshop.authority.ready_after_seconds = 60.0
    outcome = workshop.run(fleet[:1], options={"ready_timeout_seconds": 0.3})["device-1"]
    assert outcome.outcome == "failed"
    assert "AWS has not finished" in outcome.reason
    workshop.authority.ready_after_seconds = 0.0
    assert counts(workshop.run(fleet[:1])) == {"existing": 1}
