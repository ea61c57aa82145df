"""AWS Private CA's certificate templates: which extensions each one sets [rule 7].

The sandbox issues by this table and the product checks what it was given against it.
"""

import re
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

PREFIX: Final = re.compile(r"^arn:(aws|aws-cn|aws-us-gov):acm-pca:::template/(?P<name>\w+)/V1$")
DEFAULT_TEMPLATE: Final = "EndEntityCertificate/V1"
ROOT_CA_TEMPLATE: Final = "RootCACertificate/V1"


@dataclass(frozen=True)
class Template:
    """One template: `None` for a key usage or EKU means that the template sets none itself."""

    name: str
    is_ca: bool
    path_length: int | None
    key_usage: x509.KeyUsage | None
    extended_key_usage: x509.ExtendedKeyUsage | None
    extended_key_usage_critical: bool = False
    basic_constraints_critical: bool = True
    api_passthrough: bool = False
    csr_passthrough: bool = False
    root: bool = False


def key_usage(
    *, certificate_authority: bool = False, encipherment: bool = False, signature: bool = True
) -> x509.KeyUsage:
    """A critical KeyUsage; all of the templates' have digitalSignature."""
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_authority,
        crl_sign=certificate_authority,
        encipher_only=False,
        decipher_only=False,
    )


CA_USAGE: Final = key_usage(certificate_authority=True)
TLS_USAGE: Final = key_usage(encipherment=True)
SIGNING_USAGE: Final = key_usage()


def _with_variants(base: Template) -> list[Template]:
    variants = [base]
    for suffix, api, csr in (
        ("APIPassthrough", True, False),
        ("CSRPassthrough", False, True),
        ("APICSRPassthrough", True, True),
    ):
        facts = vars(base) | {
            "name": f"{base.name}_{suffix}",
            "api_passthrough": api,
            "csr_passthrough": csr,
        }
        variants.append(Template(**facts))
    return variants


def _end_entity(
    name: str, usage: x509.KeyUsage | None, eku: list[x509.ObjectIdentifier], critical: bool = False
) -> Template:
    return Template(
        name=name,
        is_ca=False,
        path_length=None,
        key_usage=usage,
        extended_key_usage=x509.ExtendedKeyUsage(eku) if eku else None,
        extended_key_usage_critical=critical,
        basic_constraints_critical=False,
    )


def _authority(
    name: str, path_length: int | None, usage: x509.KeyUsage | None, *, root: bool = False
) -> Template:
    return Template(
        name=name,
        is_ca=True,
        path_length=path_length,
        key_usage=usage,
        extended_key_usage=None,
        root=root,
    )


def _table() -> dict[str, Template]:
    named = [
        *_with_variants(
            _end_entity("EndEntityCertificate", TLS_USAGE, [Eku.SERVER_AUTH, Eku.CLIENT_AUTH])
        ),
        *_with_variants(
            _end_entity("EndEntityClientAuthCertificate", TLS_USAGE, [Eku.CLIENT_AUTH])
        ),
        *_with_variants(
            _end_entity("EndEntityServerAuthCertificate", TLS_USAGE, [Eku.SERVER_AUTH])
        ),
        *_with_variants(
            _end_entity("CodeSigningCertificate", SIGNING_USAGE, [Eku.CODE_SIGNING], critical=True)
        ),
        *_with_variants(
            _end_entity("OCSPSigningCertificate", SIGNING_USAGE, [Eku.OCSP_SIGNING], critical=True)
        ),
        *_with_variants(_end_entity("BlankEndEntityCertificate", None, []))[1:],
        *_with_variants(_authority("RootCACertificate", None, CA_USAGE, root=True))[:2],
    ]
    for length in range(4):
        subordinate = _authority(f"SubordinateCACertificate_PathLen{length}", length, CA_USAGE)
        blank = _authority(f"BlankSubordinateCACertificate_PathLen{length}", length, None)
        named += [*_with_variants(subordinate), *_with_variants(blank)[1:]]
    return {template.name: template for template in named}


TEMPLATES: Final[dict[str, Template]] = _table()


def template_arn(name: str, partition: str = "aws") -> str:
    """The ARN of `Name/V1` (or bare `Name`) in a partition."""
    return f"arn:{partition}:acm-pca:::template/{name.removesuffix('/V1')}/V1"


def subordinate_template(path_length: int) -> str:
    """The template of a CA below which so many CAs may stand; ValueError where AWS has none."""
    name = f"SubordinateCACertificate_PathLen{path_length}"
    if name not in TEMPLATES:
        raise ValueError(f"AWS Private CA has no template {name}")
    return f"{name}/V1"


def template_of(arn: str) -> Template:
    """The template an ARN names; ValueError where AWS has none of that name."""
    match = PREFIX.match(arn)
    if match is None or match["name"] not in TEMPLATES:
        raise ValueError(f"{arn} names no template of AWS Private CA")
    return TEMPLATES[match["name"]]
