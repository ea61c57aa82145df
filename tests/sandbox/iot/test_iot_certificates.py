"""Device certificates: registered, changed and deleted as AWS does."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.x509.oid import NameOID


@pytest.fixture
def issuer(bench, iot, make_issuer):
    """A CA, registered and ACTIVE."""
    issuer = make_issuer()
    bench.register(iot, issuer, setAsActive=True)
    return issuer


def test_registered_certificate_is_described(iot, issuer):
    """RegisterCertificate finds the CA, and the id is the SHA-256 of the DER."""
    leaf = issuer.issue("device-1")
    pem = leaf.public_bytes(Encoding.PEM).decode()
    answer = iot.register_certificate(certificatePem=pem, setAsActive=True)
    identity = hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
    assert answer["certificateId"] == identity
    assert answer["certificateArn"] == f"arn:aws:iot:eu-west-1:123456789012:cert/{identity}"
    described = iot.describe_certificate(certificateId=identity)["certificateDescription"]
    ca_id = hashlib.sha256(issuer.certificate.public_bytes(Encoding.DER)).hexdigest()
    assert described["caCertificateId"] == ca_id
    assert described["status"] == "ACTIVE"
    assert described["certificateMode"] == "DEFAULT"
    assert described["certificatePem"] == pem
    assert described["validity"]["notAfter"] == leaf.not_valid_after_utc


def test_certificate_registered_twice_is_a_conflict(iot, issuer, refusal):
    """The 409 carries the id and ARN of what is there."""
    pem = issuer.issue_pem("device-1")
    first = iot.register_certificate(certificatePem=pem)
    answer = refusal(iot.register_certificate, certificatePem=pem)
    assert answer["status"] == 409
    assert answer["resource_id"] == first["certificateId"]
    assert answer["resource_arn"] == first["certificateArn"]


def test_certificate_of_an_unregistered_ca_is_refused(iot, issuer, make_issuer, refusal):
    """A CA of the same name but another key is not the issuer."""
    stranger = make_issuer()
    leaf = stranger.issue_pem("device-1")
    for given in ({}, {"caCertificatePem": stranger.pem}, {"caCertificatePem": issuer.pem}):
        answer = refusal(iot.register_certificate, certificatePem=leaf, **given)
        assert answer["code"] == "CertificateValidationException"


def test_expired_certificate_is_refused(iot, issuer, refusal):
    """A certificate past its end is not registered."""
    pem = issuer.issue_pem("device-1", not_after=timedelta(minutes=-1))
    answer = refusal(iot.register_certificate, certificatePem=pem)
    assert answer["code"] == "CertificateValidationException"


def test_inactive_ca_takes_no_new_certificates(bench, iot, make_issuer, refusal):
    """CertificateStateException while the CA is INACTIVE."""
    issuer = make_issuer()
    bench.register(iot, issuer)
    answer = refusal(iot.register_certificate, certificatePem=issuer.issue_pem("device-1"))
    assert (answer["code"], answer["status"]) == ("CertificateStateException", 406)


def test_two_cas_of_one_subject_and_key_need_a_choice(bench, iot, make_issuer, refusal):
    """CertificateConflictException until caCertificatePem says which CA is meant."""
    key = ec.generate_private_key(ec.SECP256R1())
    old, new = make_issuer(key=key), make_issuer(key=key)
    for issuer in (old, new):
        bench.register(iot, issuer, setAsActive=True)
    leaf = old.issue_pem("device-1")
    answer = refusal(iot.register_certificate, certificatePem=leaf)
    assert (answer["code"], answer["status"]) == ("CertificateConflictException", 409)
    identity = iot.register_certificate(certificatePem=leaf, caCertificatePem=new.pem)
    described = iot.describe_certificate(certificateId=identity["certificateId"])
    chosen = hashlib.sha256(new.certificate.public_bytes(Encoding.DER)).hexdigest()
    assert described["certificateDescription"]["caCertificateId"] == chosen


def test_certificate_without_ca_is_sni_only(iot, make_issuer):
    """RegisterCertificateWithoutCA asks for no CA and sets the mode."""
    pem = make_issuer().issue_pem("device-1")
    identity = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    described = iot.describe_certificate(certificateId=identity["certificateId"])
    assert described["certificateDescription"]["certificateMode"] == "SNI_ONLY"
    assert "caCertificateId" not in described["certificateDescription"]


def test_device_certificate_has_the_mode_of_its_ca(iot, make_issuer):
    """What an SNI_ONLY CA signs is registered as SNI_ONLY."""
    issuer = make_issuer()
    iot.register_ca_certificate(
        caCertificate=issuer.pem, certificateMode="SNI_ONLY", setAsActive=True
    )
    identity = iot.register_certificate(certificatePem=issuer.issue_pem("d"))["certificateId"]
    described = iot.describe_certificate(certificateId=identity)["certificateDescription"]
    assert described["certificateMode"] == "SNI_ONLY"


@pytest.mark.parametrize(
    "status",
    ["PENDING_TRANSFER", "PENDING_ACTIVATION", "REGISTER_INACTIVE", "ON"],
)
def test_status_that_cannot_be_set(iot, issuer, refusal, status):
    """UpdateCertificate takes ACTIVE, INACTIVE and REVOKED alone."""
    identity = iot.register_certificate(certificatePem=issuer.issue_pem("d"))["certificateId"]
    answer = refusal(iot.update_certificate, certificateId=identity, newStatus=status)
    assert answer["code"] == "InvalidRequestException"


def test_revocation_cannot_be_undone(iot, issuer, refusal):
    """A REVOKED certificate stays so; revoking again is fine."""
    identity = iot.register_certificate(certificatePem=issuer.issue_pem("d"))["certificateId"]
    iot.update_certificate(certificateId=identity, newStatus="REVOKED")
    iot.update_certificate(certificateId=identity, newStatus="REVOKED")
    answer = refusal(iot.update_certificate, certificateId=identity, newStatus="ACTIVE")
    assert (answer["code"], answer["status"]) == ("CertificateStateException", 406)


def test_certificates_are_listed_by_ca_in_pages(bench, iot, issuer, make_issuer):
    """ListCertificatesByCA gives those of the CA alone, page by page, newest first."""
    other = make_issuer("Other CA")
    other_id = bench.register(iot, other, setAsActive=True)
    mine = [
        iot.register_certificate(certificatePem=issuer.issue_pem(f"d{number}"))["certificateId"]
        for number in range(5)
    ]
    theirs = iot.register_certificate(certificatePem=other.issue_pem("o"))["certificateId"]
    ca_id = hashlib.sha256(issuer.certificate.public_bytes(Encoding.DER)).hexdigest()
    pages = iot.get_paginator("list_certificates_by_ca").paginate(
        caCertificateId=ca_id, PaginationConfig={"PageSize": 2}
    )
    assert [item["certificateId"] for page in pages for item in page["certificates"]] == mine[::-1]
    by_other = iot.list_certificates_by_ca(caCertificateId=other_id)["certificates"]
    assert [item["certificateId"] for item in by_other] == [theirs]
    assert len(iot.list_certificates()["certificates"]) == 6


def test_certificate_in_use_is_not_deleted(bench, iot, issuer, policy_document, refusal):
    """ACTIVE is a 406; a thing or a policy on it a 409; force helps against policies alone."""
    answer = iot.register_certificate(certificatePem=issuer.issue_pem("d"), setAsActive=True)
    identity, arn = answer["certificateId"], answer["certificateArn"]
    iot.create_thing(thingName="d")
    iot.create_policy(policyName="p", policyDocument=policy_document)
    iot.attach_thing_principal(thingName="d", principal=arn)
    iot.attach_policy(policyName="p", target=arn)
    assert refusal(iot.delete_certificate, certificateId=identity)["status"] == 406
    iot.update_certificate(certificateId=identity, newStatus="INACTIVE")
    forced = {"certificateId": identity, "forceDelete": True}
    assert refusal(iot.delete_certificate, **forced)["code"] == "DeleteConflictException"
    iot.detach_thing_principal(thingName="d", principal=arn)
    assert refusal(iot.delete_certificate, certificateId=identity)["status"] == 409
    iot.delete_certificate(**forced)
    assert refusal(iot.describe_certificate, certificateId=identity)["status"] == 404
    assert iot.list_targets_for_policy(policyName="p")["targets"] == []


def test_force_does_not_delete_a_revoked_certificate_with_policies(
    iot, issuer, policy_document, refusal
):
    """`forceDelete` is for INACTIVE certificates."""
    answer = iot.register_certificate(certificatePem=issuer.issue_pem("d"))
    iot.create_policy(policyName="p", policyDocument=policy_document)
    iot.attach_policy(policyName="p", target=answer["certificateArn"])
    identity = answer["certificateId"]
    iot.update_certificate(certificateId=identity, newStatus="REVOKED")
    conflict = refusal(iot.delete_certificate, certificateId=identity, forceDelete=True)
    assert conflict["code"] == "DeleteConflictException"


def test_aws_iot_issues_certificates_itself(iot):
    """CreateCertificateFromCsr certifies the CSR's own key and subject."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device-1")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    answer = iot.create_certificate_from_csr(
        certificateSigningRequest=csr.public_bytes(Encoding.PEM).decode(), setAsActive=True
    )
    leaf = x509.load_pem_x509_certificate(answer["certificatePem"].encode())
    assert leaf.public_key() == key.public_key()
    assert leaf.subject == name
    described = iot.describe_certificate(certificateId=answer["certificateId"])
    assert described["certificateDescription"]["status"] == "ACTIVE"


def test_aws_iot_makes_key_and_certificate(iot):
    """CreateKeysAndCertificate hands out the key of the certificate."""
    answer = iot.create_keys_and_certificate()
    leaf = x509.load_pem_x509_certificate(answer["certificatePem"].encode())
    assert "BEGIN RSA PRIVATE KEY" in answer["keyPair"]["PrivateKey"]
    assert load_pem_public_key(answer["keyPair"]["PublicKey"].encode()) == leaf.public_key()
    described = iot.describe_certificate(certificateId=answer["certificateId"])
    assert described["certificateDescription"]["status"] == "INACTIVE"
