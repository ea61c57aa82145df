"""ImportCertificateAuthorityCertificate: what may be installed as a CA's certificate [3, 4]."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from birthcert.pki.certificates import is_signed_by
from birthcert.pki.hierarchy import basic_constraints, path_length_below
from birthcert.pki.pem import join_pem
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca.authority import Authority, Installed
from birthcert.sandbox.private_ca.blobs import blob

_UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_MAY_BE_CRITICAL: Final = {
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.INHIBIT_ANY_POLICY,
    ExtensionOID.ISSUER_ALTERNATIVE_NAME,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.POLICY_MAPPINGS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.SUBJECT_DIRECTORY_ATTRIBUTES,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.SUBJECT_INFORMATION_ACCESS,
}


def check_import(authority: Authority, params: dict[str, Any], now: float) -> Installed:
    """The certificate and chain as they may be installed.

    MalformedCertificateException for a certificate that cannot be read, is of another key, is no
    CA's, has expired or has a critical extension that AWS refuses; InvalidRequestException for a
    self-signed certificate or a missing chain for a SUBORDINATE, and for one that is not
    self-signed or a chain for a ROOT; CertificateMismatchException for a chain that does not
    fit. Which of the three AWS gives for a given fault is [inf].
    """
    certificate = _only_certificate(blob(params["Certificate"], "Certificate"))
    chain = (
        _certificates(blob(params["CertificateChain"], "CertificateChain"))
        if params.get("CertificateChain")
        else []
    )
    _check_certificate(certificate, authority, now)
    _check_shape(certificate, chain, authority.kind)
    _check_chain([certificate, *chain])
    return _installed(certificate, chain)


def _only_certificate(pem: bytes) -> x509.Certificate:
    found = _certificates(pem)
    if len(found) != 1:
        raise _malformed("Certificate must hold exactly one certificate.")
    return found[0]


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem)
        for each in found:
            _ = each.extensions, each.public_key()
    except _UNREADABLE as error:
        raise _malformed("The certificate is not a valid PEM-encoded X.509 one.") from error
    return found


def _check_certificate(certificate: x509.Certificate, authority: Authority, now: float) -> None:
    if certificate.public_key() != authority.key.public_key():
        raise _malformed(
            "The certificate's public key is not that of the certificate authority's CSR."
        )
    if certificate.not_valid_after_utc <= datetime.fromtimestamp(now, UTC):
        raise _malformed("The certificate has expired.")


def _check_shape(certificate: x509.Certificate, chain: list[x509.Certificate], kind: str) -> None:
    self_signed = is_signed_by(certificate, certificate)
    if kind == "ROOT":
        if not self_signed:
            raise _not_allowed("Only a self-signed certificate can be imported as a root CA.")
        if chain:
            raise _not_allowed("A root CA has no certificate chain.")
        return
    if self_signed:
        raise _not_allowed("A self-signed certificate cannot be imported as a subordinate CA.")
    if not chain:
        raise _not_allowed("A subordinate CA needs its certificate chain.")


def _check_chain(path: list[x509.Certificate]) -> None:
    for each in path:
        _check_authority(each)
    if any(each == path[0] for each in path[1:]):
        raise _mismatch("The chain must not include the certificate that is imported.")
    for lower, upper in pairwise(path):
        if not is_signed_by(lower, upper):
            raise _mismatch("Each certificate in the chain must sign the one before it.")
    if not is_signed_by(path[-1], path[-1]):
        raise _mismatch("The last certificate in the chain must be the root.")
    allowed = path_length_below(path)
    own = basic_constraints(path[0]).path_length
    if allowed is not None and (allowed < 0 or (own is not None and own > allowed)):
        raise _mismatch("The path length is not allowed by the certificates in the chain.")


def _check_authority(certificate: x509.Certificate) -> None:
    basic = next((e for e in certificate.extensions if e.oid == x509.BasicConstraints.oid), None)
    if basic is None or not basic.critical or not basic_constraints(certificate).ca:
        raise _malformed("BasicConstraints must be present, critical and CA:TRUE.")
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _MAY_BE_CRITICAL:
            raise _malformed(
                f"The extension {extension.oid.dotted_string} must not be marked critical."
            )


def _installed(certificate: x509.Certificate, chain: list[x509.Certificate]) -> Installed:
    chain_pem = join_pem(*(_pem(each) for each in chain)).strip()
    return Installed(
        certificate=certificate,
        certificate_pem=_pem(certificate),
        chain_pem=chain_pem,
        chain_for_issued_pem=join_pem(_pem(certificate), chain_pem).strip(),
        authority_key_identifier=_key_identifier(certificate),
        path_length=path_length_below([certificate, *chain]),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _key_identifier(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        own = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode().strip()


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedCertificateException", message)


def _not_allowed(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


def _mismatch(message: str) -> AwsError:
    return AwsError("CertificateMismatchException", message)
