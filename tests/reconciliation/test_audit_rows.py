"""Audit reports as AWS writes them, and as a damaged bucket has them."""

import io
import json
from datetime import UTC, datetime

import pytest

from birthcert.reconciliation.audit_rows import UnreadableReport, read_rows

CA = "arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/11223344"
TEMPLATE = "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1"
VALID = {
    "awsAccountId": "123456789012",
    "certificateArn": f"{CA}/certificate/00aa",
    "serial": "00:aa",
    "subject": "CN=press-1,O=Acme, Inc.",
    "notBefore": "2026-02-26T18:39:57+0000",
    "notAfter": "2027-02-26T19:39:57+0000",
    "issuedAt": "2026-02-26T19:39:58+0000",
    "templateArn": TEMPLATE,
}
REVOKED = {
    **VALID,
    "certificateArn": f"{CA}/certificate/00bb",
    "revokedAt": "2026-03-01T00:00:00+0000",
    "revocationReason": "KEY_COMPROMISE",
}
HEADER = (
    "awsAccountId,requestedByServicePrincipal,certificateArn,serial,subject,notBefore,notAfter,"
    "issuedAt,revokedAt,revocationReason,templateArn\n"
)
CSV = (
    HEADER + f'123456789012,,{CA}/certificate/00aa,00:aa,"CN=press-1,O=Acme, Inc.",'
    "2026-02-26T18:39:57+0000,2027-02-26T19:39:57+0000,2026-02-26T19:39:58+0000,,,"
    f'{TEMPLATE}\n123456789012,,{CA}/certificate/00bb,00:aa,"CN=press-1,O=Acme, Inc.",'
    "2026-02-26T18:39:57+0000,2027-02-26T19:39:57+0000,2026-02-26T19:39:58+0000,"
    f"2026-03-01T00:00:00+0000,KEY_COMPROMISE,{TEMPLATE}\n"
)


def as_json(*rows: object) -> bytes:
    """A report in JSON."""
    return json.dumps(rows, indent=2).encode()


@pytest.mark.parametrize(
    "report",
    [pytest.param(as_json(VALID, REVOKED), id="JSON"), pytest.param(CSV.encode(), id="CSV")],
)
def test_both_forms_tell_the_same(report: bytes) -> None:
    """A row a certificate, with its moments in their zone."""
    file = io.BytesIO(report)
    first, second = read_rows(file, CA)
    assert (first.name, first.serial_number, first.subject) == (
        "00aa",
        "00:aa",
        "CN=press-1,O=Acme, Inc.",
    )
    assert first.issued_at == datetime(2026, 2, 26, 19, 39, 58, tzinfo=UTC)
    assert first.not_after == datetime(2027, 2, 26, 19, 39, 57, tzinfo=UTC)
    assert (first.revoked, second.revoked) == (False, True)
    assert [row.name for row in read_rows(file, CA)] == ["00aa", "00bb"]


def test_a_ca_that_issued_nothing_has_an_empty_report() -> None:
    """Neither form needs a row."""
    assert [*read_rows(io.BytesIO(b"[]"), CA), *read_rows(io.BytesIO(HEADER.encode()), CA)] == []


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(b"[{", "not JSON", id="JSON cut short"),
        pytest.param(as_json("x"), "certificate 1 .*not a certificate's", id="not an object"),
        pytest.param(as_json({**VALID, "serial": None}), "it has no serial", id="no serial"),
        pytest.param(b"a,b\n1,2\n", "no certificateArn, serial", id="another CSV"),
        pytest.param(CSV.encode()[:-90], "certificate 2 .*columns", id="CSV cut short"),
        pytest.param(as_json({**VALID, "issuedAt": "soon"}), "soon", id="no date"),
        pytest.param(
            as_json(VALID, {**VALID, "certificateArn": "arn:aws:acm-pca:x"}),
            "certificate 2 .* is not of arn",
            id="another CA's",
        ),
    ],
)
def test_what_is_no_report_is_refused(report: bytes, expected: str) -> None:
    """The error names the certificate and what is wrong with it."""
    with pytest.raises(UnreadableReport, match=expected):
        list(read_rows(io.BytesIO(report), CA))
