"""The steps of a bootstrap against the sandbox: they look, make, and find again."""

from collections.abc import Callable
from typing import Any

import pytest

from birthcert.aws import authority, caller, iam, private_ca, provisioning, registration
from birthcert.aws.access import AwsAccess
from birthcert.errors import (
    AwsCallFailed,
    ConfigurationError,
    ResourceConflict,
    ResourceGone,
    WrongAccount,
)
from birthcert.models import BootstrapRequest, CertificateAuthority, Place, Registration
from birthcert.sandbox.server import Sandbox

REQUEST = BootstrapRequest.model_validate(
    {"tenant": "acme", "tags": {"OWNER": "ajk"},
     "certificate_authority": {"key_algorithm": "EC_prime256v1"}}
)  # fmt: skip
BUYING = ("Create", "Issue", "Import", "Register")


@pytest.fixture
def ready(aws: AwsAccess, place: Place) -> CertificateAuthority:
    """The tenant's CA, ACTIVE."""
    return make_authority(aws, place)


def make_authority(
    aws: AwsAccess, place: Place, request: BootstrapRequest = REQUEST
) -> CertificateAuthority:
    """A CA made and installed as the flow does it."""
    made = authority.ensure_certificate_authority(aws, request, place)
    return authority.install_root_certificate(aws, made, validity_days=3650, place=place)


def register(aws: AwsAccess, place: Place, ready: CertificateAuthority) -> Registration:
    """The CA registered as the flow does it."""
    code = registration.get_registration_code(aws)
    options = REQUEST.verification_certificate
    proof = registration.issue_verification_certificate(aws, ready, code, options, place)
    return registration.register_ca_certificate(aws, ready, proof, REQUEST, place)


def test_the_caller_must_be_of_the_account_asked_for(aws: AwsAccess, account: str) -> None:
    """Another account's number ends the run before anything is touched."""
    with pytest.raises(WrongAccount, match=account):
        caller.check_caller(aws, BootstrapRequest(tenant="acme", account="999999999999"))


def test_the_caller_knows_the_sandbox(aws: AwsAccess, account: str, sandbox: Sandbox) -> None:
    """A place in the sandbox carries its name, so its books never mix with AWS's."""
    found = caller.check_caller(aws, BootstrapRequest(tenant="acme", account=account))
    assert found.place.sandbox == sandbox.state.instance
    assert found.place.sandbox in found.place.key


def test_an_unreachable_endpoint_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """A closed port: one line that names the endpoint's variable."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL"):
        caller.check_caller(AwsAccess("eu-west-1", retry_seconds=0), REQUEST)


def test_missing_credentials_are_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """No key in the whole chain: the line says how to log in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        caller.check_caller(AwsAccess("eu-west-1"), REQUEST)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"region": "eu-nowhere-9"}, "no region 'eu-nowhere-9'", id="unknown region"),
        pytest.param({"region": "cn-north-1"}, "belongs to partition aws-cn", id="other partition"),
    ],
)
def test_regions_are_checked_before_any_call(facts: dict[str, str], expected: str) -> None:
    """A region that AWS has not, or has elsewhere, is refused by name."""
    request = BootstrapRequest.model_validate({"tenant": "acme", **facts})
    with pytest.raises(ConfigurationError, match=expected):
        caller.resolve_region(request)


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


def test_a_thing_type_is_made_once(aws: AwsAccess, place: Place) -> None:
    """The recipe's UnifiedAgent by default, found the second time."""
    first = provisioning.ensure_thing_type(aws, REQUEST, place)
    second = provisioning.ensure_thing_type(aws, REQUEST, place)
    assert (first.name, first.outcome, second.outcome) == ("UnifiedAgent", "created", "found")
    assert first.arn == second.arn


def test_a_deprecated_thing_type_is_a_conflict(aws: AwsAccess, place: Place) -> None:
    """No thing could be made of it, so no device could be provisioned."""
    provisioning.ensure_thing_type(aws, REQUEST, place)
    aws.call("iot", "DeprecateThingType", thingTypeName="UnifiedAgent")
    with pytest.raises(ResourceConflict, match="deprecated"):
        provisioning.ensure_thing_type(aws, REQUEST, place)


def test_a_policy_with_another_document_is_a_conflict(aws: AwsAccess, place: Place) -> None:
    """A document that devices may depend on is never replaced behind their back."""
    provisioning.ensure_device_policy(aws, REQUEST, place)
    wide = REQUEST.device_policy.model_copy(update={"kind": "recipe-wide"})
    with pytest.raises(ResourceConflict, match="acme-device is there with another document"):
        provisioning.ensure_device_policy(
            aws, REQUEST.model_copy(update={"device_policy": wide}), place
        )


def test_the_wide_policy_warns(
    aws: AwsAccess, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """The recipe's policy is given to who names it, with a warning."""
    wide = REQUEST.device_policy.model_copy(update={"kind": "recipe-wide"})
    made = provisioning.ensure_device_policy(
        aws, REQUEST.model_copy(update={"device_policy": wide}), place
    )
    assert "iot:CreateTopicRule" in made.document
    assert "only for a lab" in caplog.text


def test_a_role_serves_several_regions(aws: AwsAccess, place: Place) -> None:
    """The role is global: a second region is added to its trust, the first one stays."""
    first = iam.ensure_provisioning_role(aws, REQUEST, place)
    elsewhere = place.model_copy(update={"region": "us-east-1"})
    second = iam.ensure_provisioning_role(AwsAccess("us-east-1"), REQUEST, elsewhere)
    trust = str(aws.call("iam", "GetRole", RoleName=first.name)["Role"]["AssumeRolePolicyDocument"])
    assert (first.arn, second.outcome) == (second.arn, "found")
    assert f"arn:aws:iot:eu-west-1:{place.account}:*" in trust
    assert f"arn:aws:iot:us-east-1:{place.account}:*" in trust


def test_a_role_of_someone_else_is_a_conflict(aws: AwsAccess, place: Place) -> None:
    """A role that AWS IoT may not assume is not bent to our purpose."""
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
        '"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
    )
    aws.call("iam", "CreateRole", RoleName=REQUEST.role_name, AssumeRolePolicyDocument=trust)
    with pytest.raises(ResourceConflict, match="cannot be assumed by AWS IoT"):
        iam.ensure_provisioning_role(aws, REQUEST, place)


def attach(aws: AwsAccess, place: Place, ready: CertificateAuthority) -> dict[str, Any]:
    """Registration, role and template as the flow attaches them."""
    registered = register(aws, place, ready)
    provisioning.ensure_thing_type(aws, REQUEST, place)
    provisioning.ensure_device_policy(aws, REQUEST, place)
    role = iam.ensure_provisioning_role(aws, REQUEST, place)
    template = provisioning.attach_provisioning_template(aws, registered, role, REQUEST)
    return {"registration": registered, "role": role, "template": template}


def test_the_template_waits_out_iams_delay(
    aws: AwsAccess, place: Place, ready: CertificateAuthority, sandbox: Sandbox
) -> None:
    """A role made a moment ago is refused at first, and the step goes on until it is taken."""
    sandbox.state.knobs.update({"iam_delay_seconds": 1.0})
    before = sandbox.calls().get("iot.UpdateCACertificate", {}).get("InvalidRequestException", 0)
    made = attach(aws, place, ready)
    refused = sandbox.calls()["iot.UpdateCACertificate"]["InvalidRequestException"] - before
    assert refused >= 1
    verified = registration.verify_registration(
        aws, made["registration"], made["template"].body, made["role"].arn
    )
    assert (verified.status, verified.auto_registration) == ("ACTIVE", "ENABLE")


def test_a_template_changed_by_someone_is_seen(
    aws: AwsAccess, place: Place, ready: CertificateAuthority
) -> None:
    """The template is compared byte for byte."""
    made = attach(aws, place, ready)
    with pytest.raises(ResourceConflict, match="template body differ"):
        registration.verify_registration(
            aws, made["registration"], made["template"].body + " ", made["role"].arn
        )


def test_an_answer_that_is_no_use_is_not_retried(aws: AwsAccess, sandbox: Sandbox) -> None:
    """A refusal costs one call and carries AWS's code and request id."""
    sandbox.state.knobs.update(
        {
            "calls": [
                {
                    "action": "iot.GetRegistrationCode",
                    "effect": "error",
                    "code": "UnauthorizedException",
                    "status": 401,
                }
            ]
        }
    )
    before = sandbox.calls().get("iot.GetRegistrationCode", {}).get("UnauthorizedException", 0)
    with pytest.raises(AwsCallFailed, match="examples/iam") as failed:
        registration.get_registration_code(aws)
    after = sandbox.calls()["iot.GetRegistrationCode"]["UnauthorizedException"]
    assert after - before == 1
    assert failed.value.code == "UnauthorizedException"


def test_throttling_is_waited_out_and_counted(aws: AwsAccess, sandbox: Sandbox) -> None:
    """Three throttled answers, then the code."""
    sandbox.state.knobs.update(
        {"calls": [{"action": "iot.GetRegistrationCode", "effect": "throttle", "times": 3}]}
    )
    assert len(registration.get_registration_code(aws).code) == 64
    assert aws.throttled == 3
