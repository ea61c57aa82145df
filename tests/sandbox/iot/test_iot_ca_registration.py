"""RegisterCACertificate accepts what AWS accepts, and refuses the rest in AWS's words."""

import hashlib
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding


def test_registration_code_is_one_per_account_and_region(bench, iot):
    """The code is 64 hex characters and stays, and each account and region has its own."""
    code = iot.get_registration_code()["registrationCode"]
    assert len(bytes.fromhex(code)) == 32
    assert iot.get_registration_code()["registrationCode"] == code
    others = {
        bench.client("iot", region="eu-central-1").get_registration_code()["registrationCode"],
        bench.client("iot", account="999999999999").get_registration_code()["registrationCode"],
        code,
    }
    assert len(others) == 3


def test_deleted_registration_code_is_replaced(iot, refusal):
    """DeleteRegistrationCode makes the next code another one, and twice is a 404."""
    code = iot.get_registration_code()["registrationCode"]
    iot.delete_registration_code()
    assert refusal(iot.delete_registration_code)["status"] == 404
    assert iot.get_registration_code()["registrationCode"] != code


def test_registered_ca_is_described_in_full(bench, iot, make_issuer):
    """DescribeCACertificate gives back what was registered, under the SHA-256 of the DER."""
    issuer = make_issuer()
    config = bench.config()
    identity = bench.register(
        iot, issuer, setAsActive=True, allowAutoRegistration=True, registrationConfig=config
    )
    answer = iot.describe_ca_certificate(certificateId=identity)
    described = answer["certificateDescription"]
    der = issuer.certificate.public_bytes(Encoding.DER)
    assert identity == hashlib.sha256(der).hexdigest()
    assert described["certificateArn"] == f"arn:aws:iot:eu-west-1:123456789012:cacert/{identity}"
    assert described["certificatePem"] == issuer.pem
    assert described["status"] == "ACTIVE"
    assert described["autoRegistrationStatus"] == "ENABLE"
    assert described["certificateMode"] == "DEFAULT"
    assert described["ownedBy"] == "123456789012"
    assert described["customerVersion"] == 1
    assert described["validity"]["notAfter"] == issuer.certificate.not_valid_after_utc
    assert answer["registrationConfig"] == config


def test_registered_ca_is_inactive_unless_asked_otherwise(bench, iot, make_issuer):
    """Without the two flags a CA is INACTIVE with auto-registration DISABLEd."""
    identity = bench.register(iot, make_issuer())
    described = iot.describe_ca_certificate(certificateId=identity)["certificateDescription"]
    assert (described["status"], described["autoRegistrationStatus"]) == ("INACTIVE", "DISABLE")


def test_registering_again_names_what_is_there(bench, iot, make_issuer, refusal):
    """A second registration is a 409 with the id and ARN of the first."""
    issuer = make_issuer()
    identity = bench.register(iot, issuer)
    answer = refusal(bench.register, iot=iot, issuer=issuer)
    assert (answer["code"], answer["status"]) == ("ResourceAlreadyExistsException", 409)
    assert answer["resource_id"] == identity
    assert answer["resource_arn"].endswith(f":cacert/{identity}")


def test_default_mode_is_for_one_account_a_region(bench, iot, make_issuer, refusal):
    """A CA in DEFAULT mode is refused to a second account, and taken in another region."""
    issuer = make_issuer()
    bench.register(iot, issuer)
    other = bench.client("iot", account="999999999999")
    assert refusal(bench.register, iot=other, issuer=issuer)["status"] == 409
    elsewhere = bench.client("iot", account="999999999999", region="eu-central-1")
    assert bench.register(elsewhere, issuer)


def test_sni_only_needs_no_verification_and_is_shared(bench, make_issuer, refusal):
    """SNI_ONLY refuses a verification certificate and lets several accounts have one CA."""
    issuer = make_issuer()
    for account in ("111111111111", "222222222222"):
        iot = bench.client("iot", account=account)
        answer = refusal(
            iot.register_ca_certificate,
            caCertificate=issuer.pem,
            verificationCertificate=issuer.pem,
            certificateMode="SNI_ONLY",
        )
        assert answer["code"] == "InvalidRequestException"
        identity = iot.register_ca_certificate(
            caCertificate=issuer.pem, certificateMode="SNI_ONLY"
        )["certificateId"]
        described = iot.describe_ca_certificate(certificateId=identity)
        assert described["certificateDescription"]["certificateMode"] == "SNI_ONLY"


def test_eleventh_ca_of_one_subject_is_refused(bench, iot, make_issuer, refusal):
    """Ten CAs may have one subject; the eleventh is a 410."""
    for _ in range(10):
        bench.register(iot, make_issuer("One name"))
    answer = refusal(bench.register, iot=iot, issuer=make_issuer("One name"))
    assert (answer["code"], answer["status"]) == ("LimitExceededException", 410)
    assert bench.register(iot, make_issuer("Another name"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"ca": False}, "not a CA", id="ca-false"),
        pytest.param({"ca": None}, "basic constraints", id="no-basic-constraints"),
        pytest.param({"not_after": timedelta(minutes=-1)}, "expired", id="expired"),
        pytest.param({"not_before": timedelta(hours=1)}, "not yet valid", id="not-yet-valid"),
        pytest.param(
            {"key": rsa.generate_private_key(public_exponent=65537, key_size=1024)},
            "1024 bits",
            id="rsa-1024",
        ),
        pytest.param({"key": ec.generate_private_key(ec.SECP256K1())}, "unsupported", id="curve"),
        pytest.param({"digest": hashes.SHA224()}, "unsupported algorithm", id="sha-224"),
    ],
)
def test_unfit_ca_certificate_is_refused(bench, iot, make_issuer, refusal, options, words):
    """CertificateValidationException says what is wrong with the CA certificate."""
    answer = refusal(bench.register, iot=iot, issuer=make_issuer(**options))
    assert (answer["code"], answer["status"]) == ("CertificateValidationException", 400)
    assert words in answer["message"]


def test_several_certificates_in_one_pem_are_refused(iot, make_issuer, refusal):
    """A chain is not a CA certificate."""
    issuer = make_issuer()
    code = iot.get_registration_code()["registrationCode"]
    answer = refusal(
        iot.register_ca_certificate,
        caCertificate=issuer.pem + issuer.pem,
        verificationCertificate=issuer.issue_pem(code),
    )
    assert answer["code"] == "CertificateValidationException"


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        pytest.param("nonsense", "CertificateValidationException", id="no-pem"),
        pytest.param("x" * 65_537, "InvalidRequestException", id="too-long"),
    ],
)
def test_what_is_no_certificate_is_refused(iot, refusal, pem, code):
    """Neither nonsense nor more than 65,536 characters get in."""
    answer = refusal(iot.register_ca_certificate, caCertificate=pem, verificationCertificate="x")
    assert answer["code"] == code


def test_verification_certificate_must_carry_the_code(bench, iot, make_issuer, refusal):
    """Another common name, and the code of another region, are RegistrationCodeValidation."""
    issuer = make_issuer()
    iot.get_registration_code()
    other = bench.client("iot", region="us-east-1").get_registration_code()["registrationCode"]
    for name in ("device-1", other):
        answer = refusal(
            iot.register_ca_certificate,
            caCertificate=issuer.pem,
            verificationCertificate=issuer.issue_pem(name),
        )
        assert answer["code"] == "RegistrationCodeValidationException"


def test_verification_certificate_must_be_of_that_ca_and_valid(iot, make_issuer, refusal):
    """A foreign or an expired verification certificate is CertificateValidationException."""
    issuer, stranger = make_issuer(), make_issuer()
    code = iot.get_registration_code()["registrationCode"]
    proofs = {
        "not signed": stranger.issue_pem(code),
        "expired": issuer.issue_pem(code, not_after=timedelta(minutes=-1)),
    }
    for words, proof in proofs.items():
        answer = refusal(
            iot.register_ca_certificate, caCertificate=issuer.pem, verificationCertificate=proof
        )
        assert answer["code"] == "CertificateValidationException"
        assert words in answer["message"]


def test_default_mode_needs_a_verification_certificate(iot, make_issuer, refusal):
    """In DEFAULT mode a missing verification certificate is an InvalidRequestException."""
    answer = refusal(iot.register_ca_certificate, caCertificate=make_issuer().pem)
    assert answer["code"] == "InvalidRequestException"


def test_refused_registration_leaves_nothing(bench, iot, make_issuer, refusal):
    """A registration whose configuration is refused can be made again as if it never was."""
    issuer = make_issuer()
    config = {"templateBody": "{}", "roleArn": bench.make_role()}
    answer = refusal(bench.register, iot=iot, issuer=issuer, registrationConfig=config)
    assert answer["code"] == "InvalidRequestException"
    assert iot.list_ca_certificates()["certificates"] == []
    assert bench.register(iot, issuer, registrationConfig=bench.config())
