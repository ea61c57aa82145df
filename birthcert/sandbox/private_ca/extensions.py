"""The extensions of a certificate to be: template before API before CSR [rule 7]."""

from collections.abc import Iterable
from typing import Any

from cryptography import x509

from birthcert.pki.templates import Template
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca import structures
from birthcert.sandbox.private_ca.structures import invalid

Extension = tuple[x509.ExtensionType, bool]


def chosen_extensions(*layers: Iterable[Extension]) -> list[Extension]:
    """One extension a kind: the first layer that has it wins."""
    chosen: dict[x509.ObjectIdentifier, Extension] = {}
    for layer in layers:
        for value, critical in layer:
            chosen.setdefault(value.oid, (value, critical))
    return list(chosen.values())


def of_template(
    template: Template,
    subject_key_identifier: x509.SubjectKeyIdentifier,
    authority_key_identifier: x509.AuthorityKeyIdentifier | None,
) -> list[Extension]:
    """What the template sets; a root's own certificate has no authority key identifier."""
    basic = x509.BasicConstraints(template.is_ca, template.path_length)
    found: list[Extension] = [(basic, template.basic_constraints_critical)]
    if authority_key_identifier is not None:
        found.append((authority_key_identifier, False))
    found.append((subject_key_identifier, False))
    if template.key_usage is not None:
        found.append((template.key_usage, True))
    if template.extended_key_usage is not None:
        found.append((template.extended_key_usage, template.extended_key_usage_critical))
    return found


def of_api(asked: dict[str, Any]) -> list[Extension]:
    """The Extensions of an ApiPassthrough; InvalidArgsException where two are of one kind."""
    found: list[Extension] = []
    if "KeyUsage" in asked:
        found.append((structures.key_usage(asked["KeyUsage"]), True))
    if "ExtendedKeyUsage" in asked:
        found.append((structures.extended_key_usage(asked["ExtendedKeyUsage"]), False))
    if "SubjectAlternativeNames" in asked:
        names = [structures.general_name(each) for each in asked["SubjectAlternativeNames"]]
        found.append((x509.SubjectAlternativeName(names), False))
    if "CertificatePolicies" in asked:
        found.append((structures.certificate_policies(asked["CertificatePolicies"]), False))
    found += [structures.custom_extension(each) for each in asked.get("CustomExtensions") or []]
    kinds = [value.oid for value, _ in found]
    if len(set(kinds)) < len(kinds):
        raise invalid("ApiPassthrough holds two extensions of one kind.")
    return found


def of_csr(csr: x509.CertificateSigningRequest, *, passthrough: bool) -> list[Extension]:
    """The CSR's extensions: all of them for a passthrough template, else the SAN alone."""
    try:
        return [
            (extension.value, extension.critical)
            for extension in csr.extensions
            if passthrough or isinstance(extension.value, x509.SubjectAlternativeName)
        ]
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise AwsError(
            "MalformedCSRException", "The extensions of the CSR cannot be read."
        ) from error
