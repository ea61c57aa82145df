"""Which ledger row a certificate belongs to: by key, name and template, and what else it is."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from birthcert.ledger.records import Record
from birthcert.pki.certificates import public_key_sha256
from birthcert.reconciliation.audit_rows import AuditRow
from birthcert.reconciliation.matching import SETTLED, Match, Ours, match, ours, settle

CA = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/ca"
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
DEVICE_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("press-1", "press-2", "other")}


def audit_row(number: int = 1, **changes: Any) -> AuditRow:
    """A row of the report for certificate `number`."""
    facts: dict[str, Any] = {
        "certificate_arn": f"{CA}/certificate/{number:04x}",
        "serial_number": f"{number:04x}",
        "subject": "CN=press-1",
        "issued_at": NOW,
        "not_after": NOW + timedelta(days=30),
        "revoked": False,
    }
    return AuditRow(**facts | changes)


def record(row_id: int = 1, device: str = "press-1", **changes: Any) -> Record:
    """A ledger row of a device, by default one whose answer was lost."""
    facts: dict[str, Any] = {
        "id": row_id,
        "batch_id": 1,
        "tenant": "acme",
        "place": "aws-123456789012-eu-west-1",
        "authority_arn": CA,
        "device_id": device,
        "csr_sha256": "c" * 64,
        "public_key_sha256": public_key_sha256(KEYS[device].public_key()),
        "template": "EndEntityClientAuthCertificate/V1",
        "generation": 0,
        "token": f"token-{row_id}",
        "state": "requested",
        "certificate_arn": None,
        "serial_number": None,
        "not_before": None,
        "not_after": None,
        "reason": "",
        "requested_at": NOW,
    }
    return Record(**facts | changes)


@pytest.fixture(scope="session")
def certify() -> Callable[..., x509.Certificate]:
    """A device certificate of a CA of no importance, over one of KEYS."""
    authority = ec.generate_private_key(ec.SECP256R1())

    def make(
        key: str = "press-1", *, name: str | None = None, server: bool = False
    ) -> x509.Certificate:
        public = KEYS[key].public_key()
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name or key)])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
            .public_key(public)
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=30))
            .add_extension(x509.BasicConstraints(False, None), critical=False)
            .add_extension(DEVICE_USAGE, critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
                critical=False,
            )
            .sign(authority, hashes.SHA256())
        )

    return make


def outcome(*records: Record, certificate: x509.Certificate, **marks: Any) -> str:
    """The row that takes the certificate, or what it is else."""
    marks = {"taken": (), "denied": (), **marks}
    verdict = match(audit_row(), certificate, records, **marks)
    return f"row {verdict.record.id}" if isinstance(verdict, Match) else verdict.outcome


BOUGHT = {"state": "issued", "certificate_arn": f"{CA}/certificate/beef"}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([record()], "row 1", id="lost answer"),
        pytest.param([record(state="intended", requested_at=None)], "row 1", id="older ledger"),
        pytest.param([record(state="failed")], "row 1", id="failed row"),
        pytest.param([record(1, state="failed"), record(2)], "row 2", id="likeliest row first"),
        pytest.param([record(1), record(2)], "row 2", id="newest of equal rows"),
        pytest.param([record(device="press-2")], "foreign", id="another key"),
        pytest.param([], "foreign", id="no rows"),
        pytest.param([record(state="refused", template="")], "foreign", id="refused row"),
        pytest.param([record(**BOUGHT)], "duplicate", id="device has one"),
        pytest.param([record(1, **BOUGHT), record(2)], "row 2", id="next generation"),
    ],
)
def test_a_certificate_finds_its_row(
    certify: Callable[..., x509.Certificate], records: list[Record], expected: str
) -> None:
    """By the public key; a row that was asked for and not answered comes first."""
    assert outcome(*records, certificate=certify()) == expected


@pytest.mark.parametrize(
    ("made", "why"),
    [
        pytest.param({"name": "press-2"}, "CommonName is press-2", id="another name"),
        pytest.param({"server": True}, "extendedKeyUsage|usage", id="another template"),
    ],
)
def test_the_key_alone_is_not_enough(
    certify: Callable[..., x509.Certificate], made: dict[str, Any], why: str
) -> None:
    """A certificate that the engine would not deliver is told as foreign, with the reason."""
    verdict = match(audit_row(), certify(**made), [record()], taken=(), denied=())
    assert not isinstance(verdict, Match)
    assert (verdict.outcome, verdict.device_id) == ("foreign", "press-1")
    assert re.search(why, verdict.reason, re.IGNORECASE)


def test_a_row_takes_one_certificate(certify: Callable[..., x509.Certificate]) -> None:
    """The second one of a device that was bought twice is its duplicate."""
    assert outcome(record(), certificate=certify(), taken={1}) == "duplicate"


def test_a_denied_row_is_free_again(certify: Callable[..., x509.Certificate]) -> None:
    """An ARN that AWS does not know is no reason to leave the device's real one."""
    assert outcome(record(**BOUGHT), certificate=certify(), denied={1}) == "row 1"


def test_an_adoption_has_all_that_the_ledger_keeps(
    certify: Callable[..., x509.Certificate],
) -> None:
    """ARN, serial number and dates, as from an answer that was not lost."""
    verdict = match(audit_row(7), certify(), [record(3)], taken=(), denied=())
    assert isinstance(verdict, Match)
    adoption = verdict.adoption
    assert (adoption.id, adoption.certificate_arn) == (3, f"{CA}/certificate/0007")
    assert (adoption.serial_number, adoption.not_before) == ("01", NOW)
    assert (adoption.not_after, adoption.issued_at) == (NOW + timedelta(days=30), NOW)


@pytest.mark.parametrize(
    ("asked", "pending", "expected"),
    [
        pytest.param(-SETTLED - timedelta(seconds=1), 0, "released", id="long before the report"),
        pytest.param(-SETTLED, 0, "uncertain", id="token may still live"),
        pytest.param(timedelta(seconds=1), 0, "uncertain", id="after the report"),
        pytest.param(timedelta(days=-1), 1, "uncertain", id="AWS is still issuing"),
    ],
)
def test_a_request_is_released_only_where_it_surely_bought_nothing(
    asked: timedelta, pending: int, expected: str
) -> None:
    """The report must be six minutes younger than the request, and hold no open certificate."""
    rows = [record(requested_at=NOW + asked)]
    released, uncertain = settle(rows, as_of=NOW, pending=pending)
    assert ("released" if released else "uncertain") == expected
    assert len(released) + len(uncertain) == 1


CODE = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(audit_row(0xCA, serial_number="00:CA"), "authority", id="the CA's own serial"),
        pytest.param(audit_row(5), "verification", id="named by the registration's tag"),
        pytest.param(audit_row(6, subject=f"CN={CODE}"), "verification", id="carries the code"),
        pytest.param(audit_row(7, subject=f"CN={CODE},O=x"), None, id="more than the code"),
        pytest.param(audit_row(8), None, id="a device's"),
        pytest.param(
            audit_row(10, subject="O=x,CN=canary-1", not_after=NOW + timedelta(days=1)),
            "canary",
            id="a canary's",
        ),
        pytest.param(audit_row(11, subject="CN=canary-1"), None, id="a canary of 30 days"),
        pytest.param(audit_row(9, serial_number="??"), None, id="no serial at all"),
    ],
)
def test_the_cas_own_certificates_are_known(row: AuditRow, expected: str | None) -> None:
    """By serial number, tag, registration code, or a canary's name and life."""
    own = Ours(
        authority_serial="ca",
        verification_arn=f"{CA}/certificate/0005",
        registration_code=CODE,
        canary_prefix="canary-",
    )
    assert own.kind_of(row) == expected


@pytest.mark.parametrize(
    ("age", "advice"),
    [
        pytest.param(timedelta(minutes=1), "run issue again before 12:03:00 UTC", id="token lives"),
        pytest.param(timedelta(minutes=5), "reconcile after 12:01:00 UTC", id="token is over"),
    ],
)
def test_an_uncertain_request_comes_with_advice(age: timedelta, advice: str) -> None:
    """While the token lives the same issue settles it, and later only another report."""
    _, uncertain = settle([record(requested_at=NOW - age)], as_of=NOW, pending=0)
    assert advice in uncertain[0][1]
    assert ("run issue again" in uncertain[0][1]) is (age < timedelta(minutes=4))


def test_the_code_is_asked_for_only_where_it_matters(
    certify: Callable[..., x509.Certificate],
) -> None:
    """AWS IoT would make a code where there is none."""
    asked: list[str] = []

    def code() -> str:
        asked.append(CODE)
        return CODE

    pem = certify().public_bytes(Encoding.PEM).decode()
    facts: dict[str, Any] = {
        "authority_pem": pem,
        "verification_arn": f"{CA}/certificate/0001",
        "canary_prefix": "c",
    }
    tagged = audit_row(1, subject=f"CN={CODE}")
    assert ours([tagged, audit_row(2)], registration_code=code, **facts).registration_code == ""
    assert asked == []
    untagged = audit_row(3, subject=f"CN={CODE}")
    assert ours([untagged], registration_code=code, **facts).kind_of(untagged) == "verification"
    assert asked == [CODE]
