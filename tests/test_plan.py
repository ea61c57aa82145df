"""What a batch costs and takes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from birthcert.plan import TooExpensive, batch_facts, check_cost, month_around, plan_batch
from birthcert.prices import authority_usd, certificates_usd


@pytest.mark.parametrize(
    ("count", "before", "price"),
    [
        pytest.param(0, 0, "0", id="nothing"),
        pytest.param(1, 0, "0.75", id="one"),
        pytest.param(1_000, 0, "750", id="the first tier"),
        pytest.param(1_001, 0, "750.35", id="one beyond"),
        pytest.param(10_000, 0, "3900", id="two tiers"),
        pytest.param(1_000_000, 0, "4890", id="a million"),
        pytest.param(10, 995, "5.5", id="across a tier's edge"),
        pytest.param(10, 20_000, "0.01", id="late in the month"),
    ],
)
def test_certificates_are_priced_by_the_months_tiers(count, before, price):
    """Each certificate costs what its place in the month says."""
    total = certificates_usd(count, usage_mode="GENERAL_PURPOSE", issued_this_month=before)
    assert total == Decimal(price)


def test_a_short_lived_ca_has_prices_of_its_own():
    """One price a certificate, and an eighth of the CA's."""
    mode = "SHORT_LIVED_CERTIFICATE"
    assert certificates_usd(1_000, usage_mode=mode) == 58
    assert (authority_usd(mode), authority_usd("GENERAL_PURPOSE")) == (50, 400)
    assert authority_usd("GENERAL_PURPOSE", days=3) == 40


def test_a_plan_names_the_most_and_the_least():
    """What the month has seen elsewhere is not known, so there are two prices, and it says so."""
    plan = plan_batch(5_000, validity_days=3_640)
    assert (plan.price_usd, plan.price_usd_least) == (2_150, 5)
    assert (plan.seconds, plan.limited_by) == (200, "acm-pca:IssueCertificate")
    assert (plan.ca_room, plan.problems) == (1_000_000, [])
    assert batch_facts(plan)["time"] == "4 min at 25 acm-pca:IssueCertificate a second"
    assert plan.prices_as_of
    assert "what others bought in this account and region" in plan.not_known[0]
    assert "AWS did not say" in plan.not_known[-1]


def test_what_the_month_has_seen_lowers_the_price():
    """Certificates that were issued before in the month count for the tiers."""
    assert plan_batch(10, validity_days=1, issued_this_month=995).price_usd == 5.5


def test_what_falls_into_the_next_month_begins_at_the_first_tier():
    """Of 100 certificates at 25 a second, 50 come after a month that ends in two seconds."""
    plan = plan_batch(100, validity_days=1, issued_this_month=10_000, month_ends_in_seconds=2)
    assert plan.price_usd == 50 * 0.001 + 50 * 0.75


def test_the_month_is_the_calendars():
    """From its first moment to the next month's."""
    start, end = month_around(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert (start, end) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("cap", "passes"), [(None, True), (0.75, True), (0.74, False)])
def test_a_cap_is_the_most_that_a_batch_may_cost(cap, passes):
    """A batch that costs as much as its cap is carried out, one that may cost more is not."""
    plan = plan_batch(1, validity_days=1)
    if passes:
        check_cost(plan, cap)
    else:
        with pytest.raises(TooExpensive, match=r"1 certificates can cost 0\.75 USD"):
            check_cost(plan, cap)


def test_a_short_lived_batch_costs_the_same_all_month():
    """One price for every certificate: the most is the least."""
    mode = "SHORT_LIVED_CERTIFICATE"
    plan = plan_batch(1_000, validity_days=7, usage_mode=mode, issued_this_month=5)
    assert plan.price_usd == plan.price_usd_least == 58
    assert "58.00 USD at most (prices" in batch_facts(plan)["price"]


def test_a_raised_quota_shifts_what_is_in_the_way():
    """Each certificate is issued and fetched; the slower of both counts."""
    plan = plan_batch(1_000, validity_days=1, issue_per_second=100, get_per_second=75)
    assert (plan.seconds, plan.limited_by) == (14, "acm-pca:GetCertificate")
    assert not any("AWS did not say" in each for each in plan.not_known)
    unlimited = plan_batch(1_000, validity_days=1, issue_per_second=1e10, get_per_second=1e10)
    assert batch_facts(unlimited)["time"] == "no quota is in the way"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"issued_by_ca": 999_999}, "room for 1 certificates", id="full CA"),
        pytest.param({"issued_by_ca": 2_000_000}, "room for 0 certificates", id="raised quota"),
        pytest.param({"usage_mode": "SHORT_LIVED_CERTIFICATE"}, "7 days", id="short-lived"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_says_why(arguments, says):
    """What AWS would refuse in the middle of the batch is said before it."""
    [problem] = plan_batch(2, validity_days=8, **arguments).problems
    assert says in problem


@pytest.mark.parametrize("arguments", [{"certificates": -1}, {"issue_per_second": 0}])
def test_a_senseless_plan_is_an_argument_error(arguments):
    """Counts and quotas have bounds."""
    with pytest.raises(ValueError, match="0 or more"):
        plan_batch(**{"certificates": 1, "validity_days": 1, **arguments})
