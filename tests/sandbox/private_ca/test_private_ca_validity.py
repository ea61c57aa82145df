"""When certificates begin and end [rules 8, 11]."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

DAY = 86_400
PAST_THE_CA = "The certificate validity specified exceeds the CA validity."


def span(bench, root, **params):
    """notBefore and notAfter of a certificate, as seconds from the moment of issuance."""
    issued_at = int(bench.now)
    certificate = bench.issued(root, bench.csr(), **params)
    return (
        certificate.not_valid_before_utc.timestamp() - issued_at,
        certificate.not_valid_after_utc,
    )


def refused(bench, root, **params):
    """The refusal of a request for an impossible validity."""
    return bench.refusal("IssueCertificate", **(bench.issue_params(root, bench.csr()) | params))


@pytest.mark.parametrize(
    ("validity", "end"),
    [
        pytest.param(("DAYS", 20), datetime(2030, 2, 20, 12, 0, 12, tzinfo=UTC), id="days"),
        pytest.param(("MONTHS", 1), datetime(2030, 2, 28, 12, 0, 12, tzinfo=UTC), id="months"),
        pytest.param(("YEARS", 2), datetime(2032, 1, 31, 12, 0, 12, tzinfo=UTC), id="years"),
        pytest.param(
            ("ABSOLUTE", 1_900_000_000), datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC), id="epoch"
        ),
        pytest.param(
            ("END_DATE", 310102030405), datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC), id="UTCTime"
        ),
        pytest.param(
            ("END_DATE", 20310102030405),
            datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC),
            id="GeneralizedTime",
        ),
    ],
)
def test_validity_types(bench, root, validity, end):
    """Each type ends where AWS ends it, and begins an hour before the moment of issuance."""
    kind, number = validity
    begun, ended = span(bench, root, Validity={"Type": kind, "Value": number})
    assert begun == -3600
    assert ended == end


def test_days_count_from_the_moment_of_issuance(bench, root):
    """The whole span is the days and the sixty minutes before."""
    certificate = bench.issued(root, bench.csr(), "EndEntityCertificate", 5)
    lasting = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasting == timedelta(days=5, minutes=60)


def test_not_before_moves_alone(bench, root):
    """ValidityNotBefore moves the start and leaves the end."""
    start = int(bench.now) + DAY
    begun, ended = span(
        bench,
        root,
        Validity={"Type": "DAYS", "Value": 10},
        ValidityNotBefore={"Type": "ABSOLUTE", "Value": start},
    )
    assert begun == DAY
    assert ended.timestamp() == start + 9 * DAY


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param("DAYS", 3651, id="days"),
        pytest.param("YEARS", 11, id="years"),
        pytest.param("ABSOLUTE", 2_300_000_000, id="absolute"),
        pytest.param("END_DATE", 20401231235959, id="end date"),
    ],
)
def test_no_certificate_outlives_the_authority(bench, root, kind, number):
    """Past the CA's own end AWS answers with this very sentence."""
    refusal = refused(bench, root, Validity={"Type": kind, "Value": number})
    assert (refusal.code, refusal.message) == ("ValidationException", PAST_THE_CA)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param("ABSOLUTE", 1_700_000_000, id="has passed"),
        pytest.param("END_DATE", 301301000000, id="month 13"),
        pytest.param("END_DATE", 123456789012345, id="too many digits"),
        pytest.param("YEARS", 100_000, id="after year 9999"),
        pytest.param("DAYS", 10**12, id="too many days"),
        pytest.param("ABSOLUTE", 10**18, id="too far"),
    ],
)
def test_impossible_ends_are_refused(bench, root, kind, number):
    """An end that has passed or is no date is ValidationException."""
    refusal = refused(bench, root, Validity={"Type": kind, "Value": number})
    assert refusal.code == "ValidationException"


@pytest.mark.parametrize(
    "start",
    [
        pytest.param({"Type": "DAYS", "Value": 1}, id="relative"),
        pytest.param({"Type": "ABSOLUTE", "Value": 2_000_000_000}, id="after the end"),
    ],
)
def test_impossible_starts_are_refused(bench, root, start):
    """ValidityNotBefore is absolute and before the end."""
    assert refused(bench, root, ValidityNotBefore=start).code == "ValidationException"


def test_the_shortest_absolute_validity_is_a_second(bench, root):
    """A certificate may end one second from now, and not now."""
    now = int(bench.now)
    assert refused(bench, root, Validity={"Type": "ABSOLUTE", "Value": now}).code
    _, ended = span(bench, root, Validity={"Type": "ABSOLUTE", "Value": now + 1})
    assert ended.timestamp() == now + 1


def test_short_lived_authority_issues_for_seven_days(bench):
    """In short-lived mode seven days are allowed and more are not; its own root may last."""
    arn = bench.root(UsageMode="SHORT_LIVED_CERTIFICATE")
    certificate = bench.issued(arn, bench.csr(), "EndEntityCertificate", 7)
    assert isinstance(certificate, x509.Certificate)
    assert refused(bench, arn, Validity={"Type": "DAYS", "Value": 8}).code == "ValidationException"


def test_short_lived_authority_is_the_last_one(bench):
    """In short-lived mode no CA certificate is issued."""
    arn = bench.root(UsageMode="SHORT_LIVED_CERTIFICATE")
    params = bench.issue_params(arn, bench.csr(), "SubordinateCACertificate_PathLen0", 1)
    assert bench.refusal("IssueCertificate", **params).code == "InvalidArgsException"
