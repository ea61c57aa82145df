"""The two modes in which AWS IoT may know a CA: with proof for one account, without for several."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from birthcert.aws import authority, registration
from birthcert.aws.access import AwsAccess
from birthcert.errors import ResourceConflict
from birthcert.models import BootstrapRequest, CertificateAuthority, Place, Registration
from birthcert.sandbox.server import Sandbox
from tests.conftest import REGION, credentials_for

OTHER_ACCOUNT = "444444444444"
DEFAULT = BootstrapRequest.model_validate(
    {"tenant": "acme", "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
)
SNI_ONLY = DEFAULT.model_copy(update={"registration_mode": "SNI_ONLY"})
Where = tuple[AwsAccess, Place]


@pytest.fixture
def ready(aws: AwsAccess, place: Place) -> CertificateAuthority:
    """The tenant's CA, ACTIVE."""
    made = authority.ensure_certificate_authority(aws, DEFAULT, place)
    return authority.install_root_certificate(aws, made, validity_days=3650, place=place)


@pytest.fixture
def here(aws: AwsAccess, place: Place) -> Where:
    """The CA's own account."""
    return aws, place


@pytest.fixture
def there(sandbox: Sandbox, place: Place) -> Where:
    """Another account, in the same region."""
    return access_to(sandbox, OTHER_ACCOUNT), place.model_copy(update={"account": OTHER_ACCOUNT})


def access_to(sandbox: Sandbox, account: str) -> AwsAccess:
    """The way to another account of the sandbox."""
    credentials = credentials_for(sandbox, account)
    session = boto3.Session(
        region_name=REGION,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=credentials["AWS_SESSION_TOKEN"],
    )
    return AwsAccess(REGION, session=session, retry_seconds=3)


def register(
    where: Where,
    ready: CertificateAuthority,
    request: BootstrapRequest,
    issuer: AwsAccess | None = None,
) -> Registration:
    """The CA registered there as the flow does it; `issuer` is the way to the CA itself."""
    aws, place = where
    proof = None
    if request.registration_mode == "DEFAULT":
        code = registration.get_registration_code(aws)
        options = request.verification_certificate
        proof = registration.issue_verification_certificate(
            aws, ready, code, options, place, issuer=issuer
        )
    return registration.register_ca_certificate(aws, ready, proof, request, place)


def test_sni_only_needs_no_proof(
    here: Where, ready: CertificateAuthority, counted: Callable[[], dict[str, int]]
) -> None:
    """No code is asked for, no certificate bought, and a second run finds the registration."""
    first, second = register(here, ready, SNI_ONLY), register(here, ready, SNI_ONLY)
    described = registration.describe_registration(here[0], first.certificate_id)
    assert (first.outcome, second.outcome) == ("created", "found")
    assert described["certificateMode"] == first.mode == second.mode == "SNI_ONLY"
    assert (described["status"], described["autoRegistrationStatus"]) == ("ACTIVE", "ENABLE")
    calls = counted()
    assert not calls.keys() & {"iot.GetRegistrationCode", "acm-pca.IssueCertificate"}
    assert calls["iot.RegisterCACertificate"] == 1


def test_several_accounts_may_register_one_ca_in_sni_only(
    here: Where, there: Where, ready: CertificateAuthority
) -> None:
    """Each has a registration of its own of the same certificate."""
    mine, theirs = register(here, ready, SNI_ONLY), register(there, ready, SNI_ONLY)
    assert mine.certificate_id == theirs.certificate_id
    assert theirs.outcome == "created"
    assert f":{OTHER_ACCOUNT}:" in theirs.arn


def test_in_default_mode_a_second_account_is_refused(
    here: Where, there: Where, ready: CertificateAuthority
) -> None:
    """One account of a region may register it; the error names the way that is open."""
    register(here, ready, DEFAULT)
    with pytest.raises(ResourceConflict, match=r"another account already.*SNI_ONLY"):
        register(there, ready, DEFAULT, issuer=here[0])


def test_in_default_mode_another_region_proves_itself(
    here: Where, ready: CertificateAuthority
) -> None:
    """The proof carries the other region's code and is issued by the CA where it stands."""
    aws, place = here
    far = AwsAccess("us-east-1", retry_seconds=3)
    elsewhere = far, place.model_copy(update={"region": "us-east-1"})
    first, second = register(here, ready, DEFAULT), register(elsewhere, ready, DEFAULT, issuer=aws)
    assert second.arn == first.arn.replace("eu-west-1", "us-east-1")
    assert second.verification_certificate_arn != first.verification_certificate_arn


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        pytest.param(DEFAULT, SNI_ONLY, "in DEFAULT mode, not in SNI_ONLY", id="to SNI_ONLY"),
        pytest.param(SNI_ONLY, DEFAULT, "in SNI_ONLY mode, not in DEFAULT", id="to DEFAULT"),
    ],
)
def test_a_mode_cannot_be_changed(
    here: Where, ready: CertificateAuthority, first: Any, then: Any, expected: str
) -> None:
    """AWS has no call for it: the registration stays as it is and the error says what to do."""
    register(here, ready, first)
    with pytest.raises(ResourceConflict, match=expected):
        register(here, ready, then)
