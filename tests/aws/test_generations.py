"""Which of a tenant's CAs issues, at every moment of a rollover."""

from typing import Any

import pytest

from birthcert.aws import authority, rollover
from birthcert.aws.access import AwsAccess
from birthcert.aws.generations import (
    ISSUING,
    TAG_PART,
    held_by,
    issuing_of,
    replaced_of,
    set_part,
)
from birthcert.errors import ConfigurationError, ResourceConflict
from birthcert.models import BootstrapRequest, CertificateAuthority, Place, RolloverRequest

FACTS: dict[str, Any] = {
    "tenant": "acme",
    "certificate_authority": {"key_algorithm": "EC_prime256v1"},
}
REQUEST = BootstrapRequest.model_validate(FACTS)


@pytest.fixture
def first(aws: AwsAccess, place: Place) -> CertificateAuthority:
    """The tenant's CA."""
    return made(aws, place, REQUEST)


@pytest.fixture
def second(aws: AwsAccess, place: Place, first: CertificateAuthority) -> CertificateAuthority:
    """Its successor, not issuing yet."""
    return made(aws, place, succeeding(first))


def made(aws: AwsAccess, place: Place, request: BootstrapRequest) -> CertificateAuthority:
    """The CA that a request makes or finds, ACTIVE."""
    found = authority.ensure_certificate_authority(aws, request, place)
    return authority.install_root_certificate(aws, found, validity_days=365, place=place)


def succeeding(old: CertificateAuthority) -> RolloverRequest:
    """A rollover of this CA."""
    return RolloverRequest.model_validate({**FACTS, "replaces": old.arn})


def issuing(aws: AwsAccess, place: Place) -> str:
    """The ARN of the CA that issues now."""
    found = issuing_of(held_by(aws, "acme", place))
    assert found is not None
    return found.arn


def test_a_successor_does_not_issue_until_it_is_tagged(
    aws: AwsAccess, place: Place, first: CertificateAuthority, second: CertificateAuthority
) -> None:
    """It is another CA, found again by whom it replaces, and the bootstrap still finds the old."""
    assert second.arn != first.arn
    assert issuing(aws, place) == first.arn
    again = made(aws, place, succeeding(first))
    assert (again.arn, again.outcome) == (second.arn, "found")
    assert made(aws, place, REQUEST).arn == first.arn


def test_one_call_moves_issuing(
    aws: AwsAccess, place: Place, first: CertificateAuthority, second: CertificateAuthority
) -> None:
    """A run that dies right after it leaves two that are tagged, of which one issues."""
    set_part(aws, second.arn, ISSUING)
    assert issuing(aws, place) == second.arn
    moved = rollover.move_issuing(aws, first, second)
    again = rollover.move_issuing(aws, first, second)
    assert (moved.outcome, again.outcome) == ("created", "found")
    assert issuing(aws, place) == second.arn
    assert made(aws, place, REQUEST).arn == second.arn


def test_a_third_generation_replaces_the_second(
    aws: AwsAccess, place: Place, first: CertificateAuthority, second: CertificateAuthority
) -> None:
    """The first cannot be replaced once more: the error names the CA that issues."""
    rollover.move_issuing(aws, first, second)
    third = made(aws, place, succeeding(second))
    rollover.move_issuing(aws, second, third)
    assert issuing(aws, place) == third.arn
    with pytest.raises(ConfigurationError, match=third.arn):
        replaced_of(held_by(aws, "acme", place), first.arn)


def test_only_the_tenants_issuing_ca_can_be_replaced(
    aws: AwsAccess, place: Place, first: CertificateAuthority, second: CertificateAuthority
) -> None:
    """Neither one that is not the tenant's, nor the successor before it issues."""
    held = held_by(aws, "acme", place)
    for arn in (first.arn[:-1] + "x", second.arn):
        with pytest.raises(ConfigurationError, match="nothing was touched") as raised:
            replaced_of(held, arn)
        assert first.arn in str(raised.value)


def test_two_successors_are_a_conflict(
    aws: AwsAccess, place: Place, first: CertificateAuthority, second: CertificateAuthority
) -> None:
    """Which one is meant is the owner's to say; no third is made."""
    tags = {tag["Key"]: tag["Value"] for tag in tags_of(aws, second)}
    aws.call(
        "acm-pca",
        "CreateCertificateAuthority",
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": "another"},
        },
        CertificateAuthorityType="ROOT",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    with pytest.raises(ResourceConflict, match="2 certificate authorities"):
        authority.ensure_certificate_authority(aws, succeeding(first), place)


def tags_of(aws: AwsAccess, ca: CertificateAuthority) -> list[dict[str, str]]:
    """The tags of a CA as AWS lists them."""
    tags = aws.pages("acm-pca", "ListTags", "Tags", CertificateAuthorityArn=ca.arn)
    assert TAG_PART in {tag["Key"] for tag in tags}
    return tags
