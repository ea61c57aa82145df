"""The CA known to AWS IoT: proved and registered once, adopted where it is there."""

from collections.abc import Callable

import pytest

from birthcert.aws import registration
from birthcert.aws.access import AwsAccess
from birthcert.errors import ResourceConflict
from birthcert.models import CertificateAuthority, Place
from birthcert.sandbox.server import Sandbox
from tests.aws.steps import REQUEST, make_authority, register


def test_the_registration_is_adopted_the_second_time(
    aws: AwsAccess, place: Place, ready: CertificateAuthority, counted: Callable[[], dict[str, int]]
) -> None:
    """One verification certificate and one registration, also when everything is asked twice."""
    first, second = register(aws, place, ready), register(aws, place, ready)
    assert (first.outcome, second.outcome) == ("created", "found")
    assert first.verification_certificate_arn == second.verification_certificate_arn != ""
    assert first.certificate_id == second.certificate_id
    calls = counted()
    assert calls["iot.RegisterCACertificate"] == 1
    assert calls["acm-pca.IssueCertificate"] == 1


def test_a_registration_whose_answer_was_lost_is_adopted(
    aws: AwsAccess, place: Place, ready: CertificateAuthority, sandbox: Sandbox
) -> None:
    """AWS did the work and the connection dropped: the retry's 409 names the registration."""
    sandbox.state.knobs.update(
        {"calls": [{"action": "iot.RegisterCACertificate", "effect": "lose_answer", "nth": 1}]}
    )
    registered = register(aws, place, ready)
    described = registration.describe_registration(aws, registered.certificate_id)
    assert registered.outcome == "found"
    assert described["certificateArn"] == registered.arn


def test_another_tenants_registration_is_not_adopted(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """A CA belongs to the tenant whose tag its registration carries."""
    register(aws, place, ready)
    other = REQUEST.model_copy(update={"tenant": "globex"})
    proof = registration.issue_verification_certificate(
        aws, ready, registration.get_registration_code(aws), other.verification_certificate, place
    )
    with pytest.raises(ResourceConflict, match="for tenant acme, not globex"):
        registration.register_ca_certificate(aws, ready, proof, other, place)


def test_an_inactive_registration_is_activated(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """What someone half set up by hand is finished."""
    registered = register(aws, place, ready)
    aws.call(
        "iot",
        "UpdateCACertificate",
        certificateId=registered.certificate_id,
        newStatus="INACTIVE",
        newAutoRegistrationStatus="DISABLE",
    )
    register(aws, place, ready)
    described = registration.describe_registration(aws, registered.certificate_id)
    assert (described["status"], described["autoRegistrationStatus"]) == ("ACTIVE", "ENABLE")


def test_the_recipes_verification_template_makes_a_sub_ca(aws: AwsAccess, place: Place) -> None:
    """SubordinateCACertificate_PathLen0/V1 for 3640 days is there for who asks for it."""
    from birthcert.pki.certificates import load_certificate, template_problems

    options = REQUEST.verification_certificate.model_copy(
        update={"template": "SubordinateCACertificate_PathLen0/V1", "validity_days": 3640}
    )
    ready = make_authority(aws, place)
    code = registration.get_registration_code(aws)
    proof = registration.issue_verification_certificate(aws, ready, code, options, place)
    certificate = load_certificate(proof.certificate_pem.encode())
    assert template_problems(certificate, options.template) == []
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 3640
