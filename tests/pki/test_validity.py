"""The Validity parameter of IssueCertificate."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.errors import ResourceGone
from birthcert.pki.validity import end_of_validity, validity_for

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CA_END = NOW + timedelta(days=100)


def test_days_are_asked_for_while_the_ca_outlives_them() -> None:
    """A certificate well within the CA's life is asked for in days."""
    assert validity_for(NOW, 99, CA_END) == {"Type": "DAYS", "Value": 99}


def test_the_ca_cuts_a_longer_life() -> None:
    """Past the CA's end an absolute time is asked for: the CA's end, less the margin."""
    cut = validity_for(NOW, 3_640, CA_END, timedelta(minutes=10))
    assert cut == {"Type": "ABSOLUTE", "Value": int(CA_END.timestamp()) - 600}


def test_the_margin_counts_before_the_end() -> None:
    """Days that would end within the margin before the CA's end are cut too."""
    assert validity_for(NOW, 100, CA_END)["Type"] == "ABSOLUTE"


def test_a_retry_of_a_cut_certificate_asks_for_the_same() -> None:
    """What is cut does not depend on the clock, so the idempotency token still fits."""
    first = validity_for(NOW, 3_640, CA_END)
    assert validity_for(NOW + timedelta(minutes=3), 3_640, CA_END) == first


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(timedelta(days=-1), id="expired"),
        pytest.param(timedelta(0), id="expiring now"),
        pytest.param(timedelta(minutes=59), id="less than the margin left"),
    ],
)
def test_a_ca_without_life_left_gives_none(left: timedelta) -> None:
    """A CA at its end is an error that says when it ended."""
    with pytest.raises(ResourceGone, match="the CA's own certificate ends at 202") as raised:
        validity_for(NOW, 1, NOW + left)
    assert "renew the CA certificate" in str(raised.value)


@given(st.integers(1, 40_000), st.integers(2, 40_000 * 24))
def test_no_certificate_outlives_its_ca(days: int, hours_left: int) -> None:
    """Whatever is asked for, the end lies in the future and before the CA's."""
    ca_not_after = NOW + timedelta(hours=hours_left)
    end = end_of_validity(NOW, days, ca_not_after)
    assert NOW < end <= ca_not_after - timedelta(hours=1)
    assert end <= NOW + timedelta(days=days)
