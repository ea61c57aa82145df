"""A certificate's extensions against its template's table [rule 7]."""

from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from birthcert.pki.templates import Template, template_arn, template_of

# The subject alternative name comes from the CSR; CRL and OCSP addresses where the CA has them.
# None: critical or not.
OPTIONAL: Final[dict[x509.ObjectIdentifier, bool | None]] = {
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME: None,
    ExtensionOID.CRL_DISTRIBUTION_POINTS: False,
    ExtensionOID.AUTHORITY_INFORMATION_ACCESS: False,
}


@dataclass(frozen=True)
class _Expected:
    """One extension a template sets; a `value` of None means any."""

    name: str
    critical: bool
    value: x509.ExtensionType | None
    required: bool = True


def template_problems(
    certificate: x509.Certificate, template_name: str, *, issuer: x509.Certificate | None = None
) -> list[str]:
    """How a certificate's extensions differ from its template's, as sentences; none if they fit.

    Every extension and its criticality is compared. `template_name` is `Name`, `Name/V1` or an
    ARN. With the issuer, the authority key identifier must be the issuer's subject key
    identifier. ValueError for a template that AWS does not have.
    """
    arn = template_name if template_name.startswith("arn:") else template_arn(template_name)
    template = template_of(arn)
    try:
        found = {extension.oid: extension for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension) as error:
        return [f"the extensions cannot be read: {error}"]
    expected = _expected(template, certificate, issuer)
    problems = []
    for oid, wanted in expected.items():
        problems += _compare(found.get(oid), wanted)
    for oid, extension in found.items():
        if oid not in expected:
            problems += _surplus(extension, template)
    return problems


def _expected(
    template: Template, certificate: x509.Certificate, issuer: x509.Certificate | None
) -> dict[x509.ObjectIdentifier, _Expected]:
    signer = certificate if template.root else issuer
    wanted = [
        _Expected(
            "BasicConstraints",
            template.basic_constraints_critical,
            x509.BasicConstraints(template.is_ca, template.path_length),
        ),
        _Expected(
            "SubjectKeyIdentifier",
            False,
            x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()),
        ),
        # a root names itself as its authority or leaves the extension out
        _Expected(
            "AuthorityKeyIdentifier",
            False,
            authority_key_identifier(signer) if signer else None,
            required=not template.root,
        ),
    ]
    if template.key_usage is not None:
        wanted.append(_Expected("KeyUsage", True, template.key_usage))
    if template.extended_key_usage is not None:
        critical = template.extended_key_usage_critical
        wanted.append(_Expected("ExtendedKeyUsage", critical, template.extended_key_usage))
    return {getattr(x509, each.name).oid: each for each in wanted}


def authority_key_identifier(signer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """How a certificate names its signer's key: by the signer's own subject key identifier."""
    try:
        own = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _compare(found: x509.Extension[x509.ExtensionType] | None, wanted: _Expected) -> list[str]:
    if found is None:
        return [f"{wanted.name} is missing"] if wanted.required else []
    problems = []
    if found.critical != wanted.critical:
        problems.append(f"{wanted.name} must {'' if wanted.critical else 'not '}be critical")
    if wanted.value is not None and not _same(found.value, wanted.value):
        problems.append(f"{wanted.name} is {found.value!r}, but the template has {wanted.value!r}")
    return problems


def _same(found: x509.ExtensionType, wanted: x509.ExtensionType) -> bool:
    if isinstance(found, x509.ExtendedKeyUsage) and isinstance(wanted, x509.ExtendedKeyUsage):
        return set(found) == set(wanted)
    return found == wanted


def _surplus(extension: x509.Extension[x509.ExtensionType], template: Template) -> list[str]:
    name = type(extension.value).__name__
    if isinstance(extension.value, x509.UnrecognizedExtension):
        name = f"the extension {extension.oid.dotted_string}"
    if extension.oid in OPTIONAL:
        critical = OPTIONAL[extension.oid]
        return [] if critical in (None, extension.critical) else [f"{name} must not be critical"]
    if template.api_passthrough or template.csr_passthrough:
        return []
    return [f"{name} is there, which the template {template.name} does not set"]
