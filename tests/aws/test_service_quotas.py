"""What Service Quotas says of a quota, and what is done where it does not say."""

import logging
from functools import partial
from pathlib import Path

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.service_quotas import quota_per_second
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.quotas import Asked
from birthcert.models import Place
from birthcert.pacing import Pacer
from birthcert.sandbox.server import Sandbox

ISSUE, GET = "acm-pca.IssueCertificate", "acm-pca.GetCertificate"


def test_an_increase_is_read(aws: AwsAccess, sandbox: Sandbox) -> None:
    """What AWS allows this account, not what it allows by default."""
    sandbox.state.knobs.update({"quotas_per_second": {ISSUE: 120}})
    assert quota_per_second(aws, ISSUE) == 120


@pytest.mark.parametrize("code", ["AccessDeniedException", "NoSuchResourceException"])
def test_without_an_answer_the_default_is_taken_and_said_once(
    aws: AwsAccess,
    place: Place,
    sandbox: Sandbox,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    code: str,
) -> None:
    """Who may not ask Service Quotas keeps to AWS's defaults [18], and reads so in the log."""
    denied = {"action": "service-quotas.GetServiceQuota", "effect": "error", "status": 400}
    sandbox.state.knobs.update({"calls": [{**denied, "code": code}]})
    with Ledger.open(None, tmp_path / "book") as ledger:
        pacer = Pacer(place, ledger.quota_book, limit_of=partial(quota_per_second, aws))
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                pacer.wait(ISSUE, aws._ending)
        quota, _ = ledger.quota_book.quotas(place)[ISSUE]
    assert (quota.limit_per_second, quota.source) == (25, "default")
    said = [each for each in caplog.records if "default of 25 a second" in each.getMessage()]
    assert len(said) == 1


def test_only_what_is_bought_has_a_rate_of_the_requests_own(
    aws: AwsAccess, place: Place, sandbox: Sandbox, tmp_path: Path
) -> None:
    """`rate_per_second` is of certificates; the share is of each quota."""
    sandbox.state.knobs.update({"quotas_per_second": {ISSUE: 30, GET: 80}})
    with Ledger.open(None, tmp_path / "book") as ledger:
        pacer = Pacer(
            place,
            ledger.quota_book,
            limit_of=partial(quota_per_second, aws),
            asked=Asked(rate_per_second=100, share=0.5),
        )
        for action in (ISSUE, GET, "acm-pca.ListTags"):
            pacer.wait(action, aws._ending)
        used = {each.action: each for each in pacer.use({ISSUE: 25, GET: 10}, seconds=1.0)}
    assert (used[ISSUE].limit_per_second, used[ISSUE].source) == (50, "request")
    assert (used[GET].limit_per_second, used[GET].source) == (40, "service-quotas")
    assert (used[ISSUE].use, used[GET].use) == (0.5, 0.25)
