"""Who is told that one of AWS's quotas nears its end."""

from typing import Any

import pytest

from birthcert import limits
from birthcert.models import IssueReport, IssueRequest, QuotaUse
from tasks import events

REQUEST = IssueRequest(tenant="acme", manifest="devices.csv", out="out")


def report(seconds: float, *used: QuotaUse) -> IssueReport:
    """A batch that took so long and used its quotas so."""
    return IssueReport(
        tenant="acme",
        account="123456789012",
        region="eu-west-1",
        authority_arn="arn:ca",
        requested=1,
        issued=1,
        existing=0,
        refused=0,
        failed=0,
        seconds=seconds,
        certificates_per_second=24.9,
        throttled=0,
        report="report.csv",
        out="out",
        quota_use=used,
    )


def issuing(use: float, factor: float = 1.0) -> QuotaUse:
    """How much of IssueCertificate was used."""
    return QuotaUse(
        action="acm-pca.IssueCertificate",
        calls=1,
        limit_per_second=25,
        source="default",
        use=use,
        factor=factor,
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events: a CA with 900,000 certificates cannot be had."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(events, "emit_event", lambda **event: sent.append(event))
    return sent


def test_a_ca_with_a_tenth_of_its_room_left_is_told_of(told: list[dict[str, Any]]) -> None:
    """From nine tenths of a million on, each batch says how many certificates there are [18]."""
    events.announce_quotas(REQUEST, report(1.0), int(0.9 * limits.CERTIFICATES_PER_CA) - 1)
    assert told == []
    events.announce_quotas(REQUEST, report(1.0), 900_000)
    (event,) = told
    assert event["event"] == "birthcert.quota.near_end"
    assert event["payload"]["used"] == 900_000
    assert event["payload"]["arn"] == "arn:ca"


@pytest.mark.parametrize(
    ("seconds", "use", "expected"),
    [
        pytest.param(3_600.0, 0.97, 1, id="an hour at the ceiling"),
        pytest.param(600.0, 0.99, 0, id="ten minutes at the ceiling"),
        pytest.param(36_000.0, 0.5, 0, id="long, but not by the quota"),
    ],
)
def test_a_batch_that_the_rate_holds_up_for_an_hour_is_told_of(
    told: list[dict[str, Any]], seconds: float, use: float, expected: int
) -> None:
    """Using all of the quota is what a batch is for; an hour of it is worth an increase."""
    events.announce_quotas(REQUEST, report(seconds, issuing(use)), 0)
    assert len(told) == expected


def test_a_quota_that_others_use_too_counts_as_used_up(told: list[dict[str, Any]]) -> None:
    """Slowed down to a half by throttling, a batch can use no more than that."""
    events.announce_quotas(REQUEST, report(7_200.0, issuing(0.48, factor=0.5)), 0)
    assert told[0]["payload"]["factor"] == 0.5
