"""What of the CSR and of ApiPassthrough gets into a certificate [rules 7, 10]."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

SAN = x509.SubjectAlternativeName([x509.DNSName("from-csr.example")])
BLANK_API = "BlankEndEntityCertificate_APIPassthrough"
BLANK_BOTH = "BlankEndEntityCertificate_APICSRPassthrough"


def value(certificate, kind):
    """The value of an extension of that kind, None without."""
    return next((e.value for e in certificate.extensions if isinstance(e.value, kind)), None)


def test_subject_and_san_come_from_the_csr_in_base_templates(bench, root):
    """A base template takes subject and SAN from the CSR, and no other extension."""
    wanted = x509.ExtendedKeyUsage([Eku.CODE_SIGNING])
    csr = bench.csr("device-7", [(SAN, False), (wanted, False)])
    certificate = bench.issued(root, csr, "EndEntityClientAuthCertificate")
    assert certificate.subject.rfc4514_string() == "CN=device-7"
    assert value(certificate, x509.SubjectAlternativeName) == SAN
    assert list(value(certificate, x509.ExtendedKeyUsage)) == [Eku.CLIENT_AUTH]


def test_api_passthrough_is_ignored_without_an_api_template(bench, root):
    """A base template ignores ApiPassthrough."""
    certificate = bench.issued(
        root, bench.csr("device-1"), ApiPassthrough={"Subject": {"CommonName": "other"}}
    )
    assert certificate.subject.rfc4514_string() == "CN=device-1"


def test_api_subject_stands_before_the_csrs(bench, root):
    """An API template takes the subject of the request, also for a CSR without one."""
    asked = {"Subject": {"CommonName": "device-9", "Organization": "Acme", "SerialNumber": "77"}}
    certificate = bench.issued(root, bench.csr(""), BLANK_API, ApiPassthrough=asked)
    assert certificate.subject.rfc4514_string() == "2.5.4.5=77,CN=device-9,O=Acme"


def test_template_stands_before_api_and_csr(bench, root):
    """What the template sets cannot be changed."""
    ca = x509.BasicConstraints(True, None)
    certificate = bench.issued(
        root,
        bench.csr("x", [(ca, True), (x509.ExtendedKeyUsage([Eku.CODE_SIGNING]), True)]),
        "EndEntityCertificate_APICSRPassthrough",
        ApiPassthrough={"Extensions": {"KeyUsage": {"KeyCertSign": True}}},
    )
    assert value(certificate, x509.BasicConstraints).ca is False
    assert value(certificate, x509.KeyUsage).key_cert_sign is False
    assert list(value(certificate, x509.ExtendedKeyUsage)) == [Eku.SERVER_AUTH, Eku.CLIENT_AUTH]


def test_api_stands_before_csr(bench, root):
    """Where both are let through, the request's extension wins and the CSR's others stay."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    asked = {"Extensions": {"SubjectAlternativeNames": [{"DnsName": "from-api.example"}]}}
    csr = bench.csr("x", [(SAN, False), (unknown, True)])
    certificate = bench.issued(root, csr, BLANK_BOTH, ApiPassthrough=asked)
    names = value(certificate, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["from-api.example"]
    assert value(certificate, x509.UnrecognizedExtension) == unknown


def test_all_api_extensions_are_written(bench, root):
    """Key usage, EKU, policies, names and custom extensions stand in the certificate."""
    asked = {
        "KeyUsage": {"DigitalSignature": True, "KeyAgreement": True},
        "ExtendedKeyUsage": [
            {"ExtendedKeyUsageType": "CLIENT_AUTH"},
            {"ExtendedKeyUsageObjectIdentifier": "1.3.6.1.4.1.311.10.3.4"},
        ],
        "CertificatePolicies": [
            {
                "CertPolicyId": "1.2.3",
                "PolicyQualifiers": [
                    {"PolicyQualifierId": "CPS", "Qualifier": {"CpsUri": "https://cps.example"}}
                ],
            }
        ],
        "SubjectAlternativeNames": [
            {"IpAddress": "10.0.0.1"},
            {"Rfc822Name": "a@b.example"},
            {"UniformResourceIdentifier": "urn:x:1"},
            {"RegisteredId": "1.2.3.4"},
            {"DirectoryName": {"CommonName": "inner"}},
            {"OtherName": {"TypeId": "1.2.3.9", "Value": "text" * 40}},
        ],
        "CustomExtensions": [
            {
                "ObjectIdentifier": "1.2.3.5",
                "Value": base64.b64encode(b"\x05\x00").decode(),
                "Critical": True,
            }
        ],
    }
    certificate = bench.issued(root, bench.csr(), BLANK_API, ApiPassthrough={"Extensions": asked})
    eku = value(certificate, x509.ExtendedKeyUsage)
    policy = value(certificate, x509.CertificatePolicies)[0]
    names = value(certificate, x509.SubjectAlternativeName)
    assert value(certificate, x509.KeyUsage).key_agreement
    assert [use.dotted_string for use in eku] == ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.10.3.4"]
    assert (policy.policy_identifier.dotted_string, policy.policy_qualifiers) == (
        "1.2.3",
        ["https://cps.example"],
    )
    assert [type(each).__name__ for each in names] == [
        "IPAddress",
        "RFC822Name",
        "UniformResourceIdentifier",
        "RegisteredID",
        "DirectoryName",
        "OtherName",
    ]
    assert value(certificate, x509.UnrecognizedExtension).oid.dotted_string == "1.2.3.5"


CUSTOM = {"ObjectIdentifier": "1.2.3.5", "Value": "BQA="}


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param(
            {"SubjectAlternativeNames": [{"DnsName": "a.example", "IpAddress": "10.0.0.1"}]},
            id="two forms in one name",
        ),
        pytest.param({"SubjectAlternativeNames": [{"IpAddress": "300.1.1.1"}]}, id="bad address"),
        pytest.param(
            {"SubjectAlternativeNames": [{"EdiPartyName": {"PartyName": "x"}}]}, id="EDI name"
        ),
        pytest.param({"ExtendedKeyUsage": [{}]}, id="empty EKU"),
        pytest.param({"KeyUsage": {"EncipherOnly": True}}, id="impossible key usage"),
        pytest.param({"CustomExtensions": [CUSTOM, CUSTOM]}, id="custom twice"),
        pytest.param({"CustomExtensions": [CUSTOM | {"Value": "%"}]}, id="custom not base64"),
        pytest.param({"CertificatePolicies": [{"CertPolicyId": "1.x"}]}, id="bad OID"),
    ],
)
def test_impossible_api_extensions_are_refused(bench, root, extensions):
    """An extension that cannot be written is InvalidArgsException."""
    params = bench.issue_params(root, bench.csr(), BLANK_API)
    params["ApiPassthrough"] = {"Extensions": extensions}
    assert bench.refusal("IssueCertificate", **params).code == "InvalidArgsException"


def broken_signature(csr):
    """The same CSR with another key's signature bits."""
    request = x509.load_pem_x509_csr(csr)
    der = bytearray(request.public_bytes(Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    text = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    return text.encode()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda bench: b"hello", id="no PEM"),
        pytest.param(
            lambda bench: x509.load_pem_x509_csr(bench.csr()).public_bytes(Encoding.DER),
            id="DER",
        ),
        pytest.param(lambda bench: broken_signature(bench.csr()), id="wrong signature"),
        pytest.param(lambda bench: bench.csr(""), id="neither subject nor SAN"),
        pytest.param(
            lambda bench: bench.csr(key=ec.generate_private_key(ec.SECP256K1())), id="curve"
        ),
    ],
)
def test_bad_csrs_are_malformed(bench, root, make):
    """A CSR that AWS would not certify is MalformedCSRException."""
    refusal = bench.refusal("IssueCertificate", **bench.issue_params(root, make(bench)))
    assert refusal.code == "MalformedCSRException"


def test_ed25519_csr_is_malformed(bench, root):
    """A key of another family than RSA and EC is not certified."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    signed = x509.CertificateSigningRequestBuilder(name).sign(key, None)
    pem = signed.public_bytes(Encoding.PEM)
    refusal = bench.refusal("IssueCertificate", **bench.issue_params(root, pem))
    assert refusal.code == "MalformedCSRException"


def test_san_alone_is_enough(bench, root):
    """A CSR without a subject but with a SAN is certified."""
    certificate = bench.issued(root, bench.csr("", [(SAN, True)]))
    assert certificate.subject.rfc4514_string() == ""
    assert value(certificate, x509.SubjectAlternativeName) == SAN


def test_signing_algorithm_must_fit_the_key(bench, root):
    """An RSA signature cannot be had of an EC CA."""
    params = bench.issue_params(root, bench.csr()) | {"SigningAlgorithm": "SHA256WITHRSA"}
    assert bench.refusal("IssueCertificate", **params).code == "InvalidArgsException"


def test_signing_algorithm_is_honoured(bench, root):
    """The certificate is signed with the hash asked for."""
    certificate = bench.issued(root, bench.csr(), SigningAlgorithm="SHA512WITHECDSA")
    assert certificate.signature_hash_algorithm.name == "sha512"
