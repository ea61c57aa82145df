"""What AWS Private CA costs: one table, with its date [rule 19].

US dollars a month and a certificate, in the commercial regions. The first two tiers are not
verified: https://aws.amazon.com/private-ca/pricing/ is the truth.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Final, Literal

UsageMode = Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"]

PRICES_AS_OF: Final = "2022-10"
AUTHORITY_USD_A_MONTH: Final[dict[UsageMode, Decimal]] = {
    "GENERAL_PURPOSE": Decimal(400),
    "SHORT_LIVED_CERTIFICATE": Decimal(50),
}
# (certificates of the calendar month before this price holds, price of each)
CERTIFICATE_USD_TIERS: Final[dict[UsageMode, tuple[tuple[int, Decimal], ...]]] = {
    "GENERAL_PURPOSE": ((0, Decimal("0.75")), (1_000, Decimal("0.35")), (10_000, Decimal("0.001"))),
    "SHORT_LIVED_CERTIFICATE": ((0, Decimal("0.058")),),
}


def authority_usd(usage_mode: UsageMode, days: int = 30) -> Decimal:
    """A CA's price for some days, prorated at 30 days to the month."""
    return AUTHORITY_USD_A_MONTH[usage_mode] * days / 30


def certificates_usd(count: int, *, usage_mode: UsageMode, issued_this_month: int = 0) -> Decimal:
    """The price of `count` certificates after others of the same calendar month."""
    tiers = CERTIFICATE_USD_TIERS[usage_mode]
    end = issued_this_month + count
    total = Decimal(0)
    for (start, price), (next_start, _) in pairwise((*tiers, (max(end, tiers[-1][0]), Decimal(0)))):
        total += price * max(0, min(end, next_start) - max(issued_this_month, start))
    return total


def certificates_usd_least(count: int, *, usage_mode: UsageMode) -> Decimal:
    """The price of `count` certificates when the month has reached the lowest tier already."""
    return CERTIFICATE_USD_TIERS[usage_mode][-1][1] * count
