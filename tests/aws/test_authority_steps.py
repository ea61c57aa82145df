"""The CA of a tenant: made, and found again."""

from collections.abc import Callable

import pytest

from birthcert.aws import authority, private_ca
from birthcert.aws.access import AwsAccess
from birthcert.errors import ResourceConflict, ResourceGone
from birthcert.models import CertificateAuthority, Place
from tests.aws.steps import REQUEST, make_authority

BUYING = ("Create", "Issue", "Import", "Register")


def test_a_second_look_finds_the_same_authority(
    aws: AwsAccess, place: Place, ready: CertificateAuthority, counted: Callable[[], dict[str, int]]
) -> None:
    """The tags find the CA again, and nothing is made."""
    again = make_authority(aws, place)
    assert (again.arn, again.outcome) == (ready.arn, "found")
    assert not [name for name in counted() if name.split(".")[1].startswith(BUYING)]


def test_the_subject_is_never_typed_twice(ready: CertificateAuthority) -> None:
    """The installed certificate carries the CA's own subject, and the CA is ACTIVE."""
    from birthcert.pki.certificates import load_certificate

    certificate = load_certificate(ready.certificate_pem.encode())
    assert certificate.subject.rfc4514_string() == "CN=acme device CA"
    assert certificate.issuer == certificate.subject
    assert ready.status == "ACTIVE"


def test_another_authority_under_the_same_tags_is_a_conflict(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """A request that differs from the CA that is there buys no second one."""
    other = REQUEST.model_copy(
        update={
            "certificate_authority": REQUEST.certificate_authority.model_copy(
                update={"key_algorithm": "RSA_2048"}
            )
        }
    )
    with pytest.raises(ResourceConflict, match="KeyAlgorithm is EC_prime256v1, not RSA_2048"):
        authority.ensure_certificate_authority(aws, other, place)


def test_two_authorities_with_the_tenants_tags_are_a_conflict(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """Which of two to use is the owner's to say."""
    aws.call(
        "acm-pca",
        "CreateCertificateAuthority",
        CertificateAuthorityConfiguration={
            "KeyAlgorithm": "EC_prime256v1",
            "SigningAlgorithm": "SHA256WITHECDSA",
            "Subject": {"CommonName": "other"},
        },
        CertificateAuthorityType="ROOT",
        Tags=[{"Key": k, "Value": v} for k, v in REQUEST.all_tags(place).items()],
    )
    with pytest.raises(ResourceConflict, match="2 certificate authorities"):
        authority.find_certificate_authority(aws, "acme", place)


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_an_authority_disabled_or_deleted_under_us_is_named(
    aws: AwsAccess, place: Place, ready: CertificateAuthority, how: str
) -> None:
    """The step that uses the CA says what became of it and what to do."""
    aws.call(
        "acm-pca",
        "UpdateCertificateAuthority",
        CertificateAuthorityArn=ready.arn,
        Status="DISABLED",
    )
    if how == "deleted":
        aws.call("acm-pca", "DeleteCertificateAuthority", CertificateAuthorityArn=ready.arn)
    with pytest.raises(ResourceGone, match=f"{how.upper()}, not ACTIVE.*--refresh"):
        private_ca.active_authority(aws, ready.arn)


def test_a_deleted_authority_is_replaced_within_its_tokens_life(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """The token still names the deleted CA for five minutes: another one is made all the same."""
    arn = {"CertificateAuthorityArn": ready.arn}
    aws.call("acm-pca", "UpdateCertificateAuthority", **arn, Status="DISABLED")
    aws.call("acm-pca", "DeleteCertificateAuthority", **arn)
    again = make_authority(aws, place)
    assert again.arn != ready.arn
    assert (again.outcome, again.status) == ("created", "ACTIVE")
