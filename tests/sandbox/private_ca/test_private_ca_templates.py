"""Every template's extensions, with criticality [rule 7]."""

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import ExtensionOID as Oid

from birthcert.pki.templates import TEMPLATES

VARIANTS = ["", "_APIPassthrough", "_CSRPassthrough", "_APICSRPassthrough"]
TLS = {"digital_signature", "key_encipherment"}
SIGN = {"digital_signature"}
END_ENTITIES = {
    "EndEntityCertificate": (TLS, [Eku.SERVER_AUTH, Eku.CLIENT_AUTH], False),
    "EndEntityClientAuthCertificate": (TLS, [Eku.CLIENT_AUTH], False),
    "EndEntityServerAuthCertificate": (TLS, [Eku.SERVER_AUTH], False),
    "CodeSigningCertificate": (SIGN, [Eku.CODE_SIGNING], True),
    "OCSPSigningCertificate": (SIGN, [Eku.OCSP_SIGNING], True),
}
CA_USES = {"digital_signature", "key_cert_sign", "crl_sign"}


def found(certificate):
    """Extensions by their OID: (critical, value)."""
    return {each.oid: (each.critical, each.value) for each in certificate.extensions}


def uses(usage):
    """The names of the key uses that are set; two raise when key agreement is not."""
    names = [
        name for name in vars(x509.KeyUsage) if isinstance(vars(x509.KeyUsage)[name], property)
    ]
    names = [name for name in names if name not in ("encipher_only", "decipher_only")]
    return {name for name in names if getattr(usage, name)}


def key_identifiers(extensions):
    """SKI and AKI, both not critical."""
    assert not extensions[Oid.SUBJECT_KEY_IDENTIFIER][0]
    assert not extensions[Oid.AUTHORITY_KEY_IDENTIFIER][0]
    return (
        extensions.pop(Oid.SUBJECT_KEY_IDENTIFIER)[1].digest,
        extensions.pop(Oid.AUTHORITY_KEY_IDENTIFIER)[1].key_identifier,
    )


def ca_certificate(bench, arn):
    """The installed CA certificate."""
    answer = bench.call("GetCertificateAuthorityCertificate", CertificateAuthorityArn=arn)
    return x509.load_pem_x509_certificate(answer["Certificate"].encode())


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", list(END_ENTITIES))
def test_end_entity_templates(bench, root, name, variant):
    """An end-entity template sets CA:FALSE, key usage, EKU and identifiers, and nothing else."""
    expected_uses, eku, eku_critical = END_ENTITIES[name]
    extensions = found(bench.issued(root, bench.csr(), name + variant))
    subject_key = x509.SubjectKeyIdentifier.from_public_key(bench.device_key.public_key())
    ca_key = x509.SubjectKeyIdentifier.from_public_key(ca_certificate(bench, root).public_key())
    assert key_identifiers(extensions) == (subject_key.digest, ca_key.digest)
    assert extensions.pop(Oid.BASIC_CONSTRAINTS) == (False, x509.BasicConstraints(False, None))
    assert extensions.pop(Oid.EXTENDED_KEY_USAGE) == (eku_critical, x509.ExtendedKeyUsage(eku))
    critical, usage = extensions.pop(Oid.KEY_USAGE)
    assert critical
    assert uses(usage) == expected_uses
    assert extensions == {}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("length", range(4))
def test_subordinate_templates(bench, root, length, variant):
    """A subordinate template sets a critical CA:TRUE with its path length and the CA's key uses."""
    name = f"SubordinateCACertificate_PathLen{length}{variant}"
    extensions = found(bench.issued(root, bench.csr(), name))
    key_identifiers(extensions)
    assert extensions.pop(Oid.BASIC_CONSTRAINTS) == (True, x509.BasicConstraints(True, length))
    critical, usage = extensions.pop(Oid.KEY_USAGE)
    assert critical
    assert uses(usage) == CA_USES
    assert extensions == {}


@pytest.mark.parametrize("name", ["RootCACertificate", "RootCACertificate_APIPassthrough"])
def test_root_template(bench, name):
    """A root has a critical CA:TRUE without path length, and signs itself."""
    arn = bench.create()
    certificate = bench.issued(arn, bench.csr_of(arn), name)
    extensions = found(certificate)
    assert certificate.issuer == certificate.subject
    certificate.verify_directly_issued_by(certificate)
    assert extensions.pop(Oid.SUBJECT_KEY_IDENTIFIER)[0] is False
    assert extensions.pop(Oid.BASIC_CONSTRAINTS) == (True, x509.BasicConstraints(True, None))
    critical, usage = extensions.pop(Oid.KEY_USAGE)
    assert critical
    assert uses(usage) == CA_USES
    assert extensions == {}


@pytest.mark.parametrize("variant", VARIANTS[1:])
@pytest.mark.parametrize(
    ("name", "basic"),
    [
        pytest.param(
            "BlankEndEntityCertificate", (False, x509.BasicConstraints(False, None)), id="device"
        ),
        pytest.param(
            "BlankSubordinateCACertificate_PathLen1",
            (True, x509.BasicConstraints(True, 1)),
            id="CA",
        ),
    ],
)
def test_blank_templates_leave_the_uses_to_the_caller(bench, root, name, basic, variant):
    """A blank template sets BasicConstraints and the identifiers alone."""
    extensions = found(bench.issued(root, bench.csr(), name + variant))
    key_identifiers(extensions)
    assert extensions == {Oid.BASIC_CONSTRAINTS: basic}


def test_every_template_can_be_issued_from(bench):
    """No template of the table is missing from the sandbox."""
    root = bench.root()
    for name, template in TEMPLATES.items():
        csr = bench.csr_of(root) if template.root else bench.csr()
        basic = found(bench.issued(root, csr, name))[Oid.BASIC_CONSTRAINTS][1]
        assert basic.ca == template.is_ca, name


@pytest.mark.parametrize(
    "arn",
    [
        pytest.param("arn:aws:acm-pca:::template/Nothing/V1", id="unknown name"),
        pytest.param("arn:aws:acm-pca:::template/EndEntityCertificate/V2", id="version 2"),
        pytest.param("arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1", id="partition"),
    ],
)
def test_unknown_templates_are_refused(bench, root, arn):
    """A template that the partition does not have is InvalidArgsException."""
    params = bench.issue_params(root, bench.csr()) | {"TemplateArn": arn}
    assert bench.refusal("IssueCertificate", **params).code == "InvalidArgsException"


def test_default_template_is_the_end_entity_one(bench, root):
    """Without a template the certificate is for servers and clients."""
    params = bench.issue_params(root, bench.csr())
    del params["TemplateArn"]
    arn = bench.call("IssueCertificate", **params)["CertificateArn"]
    pem = bench.fetched(root, arn)["Certificate"]
    eku = found(x509.load_pem_x509_certificate(pem.encode()))[Oid.EXTENDED_KEY_USAGE][1]
    assert list(eku) == [Eku.SERVER_AUTH, Eku.CLIENT_AUTH]


def test_root_template_is_for_the_authority_itself(bench, root):
    """A device's CSR cannot become a root."""
    params = bench.issue_params(root, bench.csr(), "RootCACertificate")
    assert bench.refusal("IssueCertificate", **params).code == "InvalidArgsException"


@pytest.mark.parametrize("length", [0, 1])
def test_path_length_must_get_shorter(bench, root, length):
    """A CA issues only CA certificates whose path length is below its own."""
    own = f"SubordinateCACertificate_PathLen{length}"
    subordinate = bench.subordinate(root, own)
    refusal = bench.refusal("IssueCertificate", **bench.issue_params(subordinate, bench.csr(), own))
    assert refusal.code == "InvalidArgsException"
    if length:
        below = bench.issued(subordinate, bench.csr(), "SubordinateCACertificate_PathLen0")
        assert found(below)[Oid.BASIC_CONSTRAINTS][1].path_length == 0
