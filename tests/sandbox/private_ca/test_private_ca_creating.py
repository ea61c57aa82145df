"""What AWS checks before it makes a CA, and the CSR that comes out [rules 9, 11, 12, 13]."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding

from birthcert.pki.algorithms import CURVES, RSA_BITS

CRL = {"Enabled": True, "ExpirationInDays": 7, "S3BucketName": "reports"}


def algorithms(key, signing):
    """A configuration's two algorithms."""
    return {"KeyAlgorithm": key, "SigningAlgorithm": signing}


@pytest.mark.parametrize(
    ("key", "signing", "expected"),
    [
        pytest.param("RSA_2048", "SHA256WITHRSA", "sha256", id="RSA 2048"),
        pytest.param("RSA_2048", "SHA512WITHRSA_PSS", "sha512", id="RSA PSS"),
        pytest.param("EC_prime256v1", "SHA256WITHECDSA", "sha256", id="P-256"),
        pytest.param("EC_secp384r1", "SHA384WITHECDSA", "sha384", id="P-384"),
        pytest.param("EC_secp521r1", "SHA512WITHECDSA", "sha512", id="P-521"),
    ],
)
def test_csr_has_the_configured_key_and_signature(bench, key, signing, expected):
    """The CSR is over a key of the algorithm asked for, and signed with the one asked for."""
    arn = bench.create(configuration=algorithms(key, signing))
    csr = x509.load_pem_x509_csr(bench.csr_of(arn))
    assert csr.is_signature_valid
    assert csr.public_key().key_size == (RSA_BITS.get(key) or CURVES[key]().key_size)
    assert csr.signature_hash_algorithm.name == expected
    pss = isinstance(csr.signature_algorithm_parameters, padding.PSS)
    assert pss == signing.endswith("_PSS")


def test_csr_stays_the_same(bench):
    """Asking again gives the very same CSR."""
    arn = bench.create()
    assert bench.csr_of(arn) == bench.csr_of(arn)


def test_csr_has_the_subject_and_extensions_asked_for(bench):
    """All of ASN1Subject and CsrExtensions stand in the CSR."""
    subject = {"Country": "DE", "State": "Berlin", "CommonName": "CA", "Initials": "ab"}
    access = {
        "AccessMethod": {"AccessMethodType": "CA_REPOSITORY"},
        "AccessLocation": {"UniformResourceIdentifier": "https://ca.example"},
    }
    asked = {"KeyUsage": {"KeyCertSign": True}, "SubjectInformationAccess": [access]}
    arn = bench.create(configuration={"Subject": subject, "CsrExtensions": asked})
    csr = x509.load_pem_x509_csr(bench.csr_of(arn))
    assert csr.subject.rfc4514_string() == "2.5.4.43=ab,CN=CA,ST=Berlin,C=DE"
    assert csr.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    stated = csr.extensions.get_extension_for_class(x509.SubjectInformationAccess).value
    assert stated[0].access_location.value == "https://ca.example"


def test_custom_attributes_make_the_subject(bench):
    """A subject can be given by object identifiers alone."""
    custom = [{"ObjectIdentifier": "1.3.6.1.4.1.37244.1.3", "Value": "FFF1"}]
    arn = bench.create(configuration={"Subject": {"CustomAttributes": custom}})
    csr = x509.load_pem_x509_csr(bench.csr_of(arn))
    assert csr.subject.rfc4514_string() == "1.3.6.1.4.1.37244.1.3=FFF1"


CUSTOM = {"CustomAttributes": [{"ObjectIdentifier": "2.5.4.3", "Value": "x"}]}


@pytest.mark.parametrize(
    "configuration",
    [
        pytest.param(algorithms("RSA_2048", "SHA256WITHECDSA"), id="EC signature, RSA key"),
        pytest.param(algorithms("EC_prime256v1", "SHA256WITHRSA"), id="RSA signature, EC key"),
        pytest.param(algorithms("ML_DSA_65", "ML_DSA_65"), id="ML-DSA is not offered"),
        pytest.param(algorithms("SM2", "SM3WITHSM2"), id="SM2 is not offered"),
        pytest.param({"Subject": {}}, id="empty subject"),
        pytest.param({"Subject": {"CommonName": "x", **CUSTOM}}, id="custom beside standard"),
    ],
)
def test_configuration_is_refused(bench, configuration):
    """Algorithms that do not fit and impossible subjects are InvalidArgsException."""
    whole = {
        "Subject": {"CommonName": "CA"},
        **algorithms("RSA_2048", "SHA256WITHRSA"),
        **configuration,
    }
    refusal = bench.refusal(
        "CreateCertificateAuthority",
        CertificateAuthorityType="ROOT",
        CertificateAuthorityConfiguration=whole,
    )
    assert refusal.code == "InvalidArgsException"


@pytest.mark.parametrize(
    ("region", "standard", "fits"),
    [
        pytest.param("eu-west-1", None, True, id="default"),
        pytest.param("eu-west-1", "FIPS_140_2_LEVEL_2_OR_HIGHER", True, id="FIPS level 2"),
        pytest.param("eu-west-1", "CCPC_LEVEL_1_OR_HIGHER", False, id="CCPC outside China"),
        pytest.param("cn-north-1", None, False, id="default in China"),
        pytest.param("cn-north-1", "CCPC_LEVEL_1_OR_HIGHER", True, id="CCPC in China"),
    ],
)
def test_key_storage_standard_must_be_the_regions(another_account, region, standard, fits):
    """A region without the standard refuses with AWS's own sentence."""
    bench = another_account(region=region)
    params = {
        "CertificateAuthorityType": "ROOT",
        "CertificateAuthorityConfiguration": {
            "Subject": {"CommonName": "CA"},
            **algorithms("EC_prime256v1", "SHA256WITHECDSA"),
        },
        **({"KeyStorageSecurityStandard": standard} if standard else {}),
    }
    if fits:
        arn = bench.call("CreateCertificateAuthority", **params)["CertificateAuthorityArn"]
        described = bench.describe(arn)["KeyStorageSecurityStandard"]
        assert described == (standard or "FIPS_140_2_LEVEL_3_OR_HIGHER")
        return
    refusal = bench.refusal("CreateCertificateAuthority", **params)
    assert (refusal.code, refusal.message) == (
        "InvalidArgsException",
        "A certificate authority cannot be created in this region with the specified security "
        "standard.",
    )


@pytest.mark.parametrize(
    "revocation",
    [
        pytest.param(
            {"CrlConfiguration": {"Enabled": False, "ExpirationInDays": 7}}, id="disabled CRL"
        ),
        pytest.param(
            {"OcspConfiguration": {"Enabled": False, "OcspCustomCname": "o.example"}},
            id="disabled OCSP",
        ),
        pytest.param({"CrlConfiguration": {"Enabled": True}}, id="CRL without bucket"),
        pytest.param({"CrlConfiguration": CRL | {"S3BucketName": "none"}}, id="no such bucket"),
        pytest.param(
            {"CrlConfiguration": CRL | {"CustomCname": "http://x.example"}}, id="CNAME protocol"
        ),
        pytest.param(
            {
                "CrlConfiguration": CRL
                | {
                    "CustomCname": "x.example",
                    "CrlDistributionPointExtensionConfiguration": {"OmitExtension": True},
                }
            },
            id="omitted with CNAME",
        ),
    ],
)
def test_revocation_configuration_is_refused(bench, root, revocation):
    """A disabled block holds only Enabled, an enabled CRL has a bucket, a CNAME no protocol."""
    refusal = bench.refusal(
        "UpdateCertificateAuthority",
        CertificateAuthorityArn=root,
        RevocationConfiguration=revocation,
    )
    assert refusal.code == "InvalidArgsException"


@pytest.mark.parametrize(
    ("crl", "address"),
    [
        pytest.param(CRL, "http://reports.s3.eu-west-1.amazonaws.com/crl/{id}.crl", id="bucket"),
        pytest.param(
            CRL | {"CustomCname": "crl.example", "CustomPath": "a/b"},
            "http://crl.example/a/b/{id}.crl",
            id="CNAME and path",
        ),
    ],
)
def test_certificates_name_crl_and_ocsp(bench, crl, address):
    """With a CRL and OCSP enabled, certificates say where they are."""
    revocation = {"CrlConfiguration": crl, "OcspConfiguration": {"Enabled": True}}
    arn = bench.root(RevocationConfiguration=revocation)
    extensions = bench.issued(arn, bench.csr()).extensions
    point = extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
    ocsp = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value[0]
    assert point.full_name[0].value == address.format(id=arn.rpartition("/")[2])
    assert ocsp.access_location.value == "http://ocsp.acm-pca.eu-west-1.amazonaws.com"


def test_crl_address_can_be_left_out(bench):
    """OmitExtension leaves the distribution point out."""
    crl = CRL | {"CrlDistributionPointExtensionConfiguration": {"OmitExtension": True}}
    arn = bench.root(RevocationConfiguration={"CrlConfiguration": crl})
    kinds = {type(each.value) for each in bench.issued(arn, bench.csr()).extensions}
    assert x509.CRLDistributionPoints not in kinds
