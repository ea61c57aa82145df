"""Extensions against the template's table."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from birthcert.pki.certificates import template_problems
from birthcert.pki.templates import TEMPLATES, key_usage

Issue = Callable[..., Any]  # the conftest's: a certificate and its key
CLIENT = "EndEntityClientAuthCertificate"
Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_certificate_of_a_template_fits_it(issue: Issue, root: Any, template: str) -> None:
    """What is made by the table has no problem, for every template."""
    issuer = None if TEMPLATES[template].root else root
    made = issue("x", template, issuer)
    problems = template_problems(
        made.certificate, f"{template}/V1", issuer=issuer and issuer.certificate
    )
    assert problems == []


def test_the_arn_of_a_template_names_it_too(device: Any) -> None:
    """An ARN in any partition is the same template."""
    arn = f"arn:aws-cn:acm-pca:::template/{CLIENT}/V1"
    assert template_problems(device.certificate, arn) == []


def test_a_template_aws_does_not_have_is_a_wrong_argument(device: Any) -> None:
    """The name comes from us, so a wrong one is our mistake."""
    with pytest.raises(ValueError, match="names no template"):
        template_problems(device.certificate, "NoSuchCertificate/V1")


def _and(value: x509.ExtensionType, critical: bool = False) -> Change:
    return lambda builder: builder.add_extension(value, critical=critical)


USAGE = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
FOREIGN_KEY_ID = x509.SubjectKeyIdentifier(b"\1" * 20)
NAMES = x509.SubjectAlternativeName([x509.DNSName("pump-1.example")])
CRL = x509.CRLDistributionPoints(
    [x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl/1")], None, None, None)]
)
PRIVATE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")


@pytest.mark.parametrize(
    ("without", "change", "problem"),
    [
        pytest.param(x509.BasicConstraints, None, "BasicConstraints is missing", id="no BC"),
        pytest.param(x509.KeyUsage, None, "KeyUsage is missing", id="no KU"),
        pytest.param(x509.ExtendedKeyUsage, None, "ExtendedKeyUsage is missing", id="no EKU"),
        pytest.param(x509.SubjectKeyIdentifier, None, "SubjectKeyIdentifier is mis", id="no SKI"),
        pytest.param(x509.AuthorityKeyIdentifier, None, "AuthorityKeyIdentifier is", id="no AKI"),
        pytest.param(
            x509.BasicConstraints,
            _and(x509.BasicConstraints(True, None)),
            "BasicConstraints is <BasicConstraints(ca=True",
            id="a CA",
        ),
        pytest.param(
            x509.BasicConstraints,
            _and(x509.BasicConstraints(False, None), critical=True),
            "BasicConstraints must not be critical",
            id="critical BC",
        ),
        pytest.param(
            x509.KeyUsage,
            _and(key_usage(encipherment=True)),
            "KeyUsage must be critical",
            id="KU not critical",
        ),
        pytest.param(
            x509.KeyUsage, _and(key_usage(), critical=True), "KeyUsage is <KeyUsage(", id="less KU"
        ),
        pytest.param(
            x509.ExtendedKeyUsage, _and(USAGE), "ExtendedKeyUsage is <Ext", id="another EKU"
        ),
        pytest.param(
            x509.SubjectKeyIdentifier,
            _and(FOREIGN_KEY_ID),
            "SubjectKeyIdentifier is <SubjectKeyIdentifier(digest=b'\\x01",
            id="SKI of another key",
        ),
        pytest.param(None, _and(CRL, critical=True), "must not be critical", id="critical CRL"),
        pytest.param(None, _and(PRIVATE), "the extension 1.3.6.1.4.1.99999.1 is there", id="own"),
        pytest.param(
            None, _and(x509.OCSPNoCheck()), "OCSPNoCheck is there, which the temp", id="surplus"
        ),
    ],
)
def test_a_difference_is_told(
    issue: Issue, root: Any, without: Any, change: Change | None, problem: str
) -> None:
    """One sentence names the extension that differs, and nothing else is found."""
    made = issue("x", CLIENT, root, without=without, change=change or (lambda builder: builder))
    problems = template_problems(made.certificate, CLIENT)
    assert len(problems) == 1
    assert problems[0].startswith(problem) or problem in problems[0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_and(NAMES), id="alternative name from the CSR"),
        pytest.param(_and(NAMES, critical=True), id="critical alternative name"),
        pytest.param(_and(CRL), id="CRL of the CA"),
    ],
)
def test_what_csr_and_ca_add_is_no_difference(issue: Issue, root: Any, change: Change) -> None:
    """The alternative name and the CRL's address are no part of the table."""
    assert template_problems(issue("x", CLIENT, root, change=change).certificate, CLIENT) == []


def test_passthrough_lets_further_extensions_in(issue: Issue, root: Any) -> None:
    """A passthrough template takes others' extensions, but not against its own."""
    template = f"{CLIENT}_APIPassthrough"
    made = issue("x", template, root, change=_and(PRIVATE))
    assert template_problems(made.certificate, template) == []
    assert template_problems(made.certificate, f"{CLIENT}") != []


def test_the_authority_key_identifier_is_the_issuers(issue: Issue, root: Any, device: Any) -> None:
    """With another CA's certificate at hand, the wrong identifier is found."""
    other = issue("other", "RootCACertificate")
    problems = template_problems(device.certificate, CLIENT, issuer=other.certificate)
    assert len(problems) == 1
    assert problems[0].startswith("AuthorityKeyIdentifier is ")


def test_a_path_length_is_part_of_the_template(intermediate: Any) -> None:
    """PathLen0 is not PathLen1."""
    assert template_problems(intermediate.certificate, "SubordinateCACertificate_PathLen0") == []
    problems = template_problems(intermediate.certificate, "SubordinateCACertificate_PathLen1")
    assert [each.partition(" ")[0] for each in problems] == ["BasicConstraints"]


def test_a_root_may_leave_its_authority_out(issue: Issue) -> None:
    """A self-signed root is its own authority."""
    made = issue("root", "RootCACertificate", without=x509.AuthorityKeyIdentifier)
    assert template_problems(made.certificate, "RootCACertificate/V1") == []
