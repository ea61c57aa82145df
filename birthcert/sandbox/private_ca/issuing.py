"""IssueCertificate: from a CSR and a template to a signed certificate [2, 7, 8, 9, 10, 11]."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.pki.algorithms import CURVES, PublicKey
from birthcert.pki.csr import verify_signature
from birthcert.pki.templates import DEFAULT_TEMPLATE, Template, template_arn, template_of
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca import extensions
from birthcert.sandbox.private_ca.authority import Authority, Installed
from birthcert.sandbox.private_ca.blobs import blob
from birthcert.sandbox.private_ca.creating import (
    check_signing_algorithm,
    signature_arguments,
)
from birthcert.sandbox.private_ca.revocation import issued_extensions
from birthcert.sandbox.private_ca.structures import invalid, subject_name
from birthcert.sandbox.private_ca.validity import validity_period

_SERIAL_BITS: Final = 128
_SAN: Final = x509.SubjectAlternativeName.oid
_CURVE_NAMES: Final = {curve().name for curve in CURVES.values()}


@dataclass(frozen=True)
class Issue:
    """One request, understood and checked as far as it can be without the CA."""

    params: dict[str, Any]
    csr: x509.CertificateSigningRequest
    template: Template

    @property
    def passthrough(self) -> dict[str, Any]:
        """The ApiPassthrough, empty where the template ignores it."""
        return (self.params.get("ApiPassthrough") or {}) if self.template.api_passthrough else {}


@dataclass(frozen=True)
class Signed:
    """A certificate that was just signed; `chain_pem` is empty for a root's own."""

    serial_number: int
    der: bytes
    chain_pem: str
    template: str


def issue(
    authority: Authority, params: dict[str, Any], *, now: float, partition: str, region: str
) -> Signed:
    """Sign a certificate.

    InvalidStateException unless the CA is ACTIVE, or a ROOT that asks for its own certificate;
    MalformedCSRException, InvalidArgsException and ValidationException as the rules say.
    """
    awaits_root = authority.kind == "ROOT" and authority.installed is None
    authority.require(now, "ACTIVE", *(("PENDING_CERTIFICATE",) if awaits_root else ()))
    request = Issue(params, read_csr(params["Csr"]), _template(params, partition))
    check_signing_algorithm(params["SigningAlgorithm"], authority.configuration["KeyAlgorithm"])
    issuer = _issuer(authority, request)
    subject = _subject(request)
    builder = _dated(request, now, issuer, short_lived=authority.short_lived)
    for value, critical in _layers(authority, request, issuer, region, subject):
        builder = builder.add_extension(value, critical)
    serial = secrets.randbits(_SERIAL_BITS) | 1
    digest, pss = signature_arguments(params["SigningAlgorithm"])
    signed = (
        builder.subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(request.csr.public_key())
        .serial_number(serial)
        .sign(authority.key, digest, rsa_padding=pss)
    )
    chain = issuer.chain_for_issued_pem if issuer else ""
    return Signed(serial, signed.public_bytes(Encoding.DER), chain, request.template.name)


def read_csr(csr: object) -> x509.CertificateSigningRequest:
    """A CSR of the request; MalformedCSRException unless it is PEM, signed by its own key."""
    try:
        request = x509.load_pem_x509_csr(blob(csr, "Csr"))
        key = request.public_key()
        _ = request.subject
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _malformed("The CSR is not a valid PEM-encoded PKCS#10 request.") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVE_NAMES:
        raise _malformed(f"The curve {key.curve.name} of the CSR's key is not supported.")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise _malformed("The sandbox certifies RSA and EC keys alone.")
    try:
        verify_signature(request, key)
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise _malformed("The signature of the CSR is not valid.") from error
    return request


def _template(params: dict[str, Any], partition: str) -> Template:
    arn = params.get("TemplateArn") or template_arn(DEFAULT_TEMPLATE, partition)
    try:
        template = template_of(arn)
    except ValueError as error:
        raise invalid(f"The template ARN {arn} is not valid.") from error
    if arn.split(":")[1] != partition:
        raise invalid(f"The template ARN {arn} is not of the partition {partition}.")
    return template


def _issuer(authority: Authority, request: Issue) -> Installed | None:
    """The CA certificate to sign under; None for a root's own, which signs itself [2]."""
    template = request.template
    if template.root:
        own_key = request.csr.public_key() == authority.key.public_key()
        if authority.kind != "ROOT" or not own_key:
            raise invalid(
                f"{template.name} is only for the CSR of the root certificate authority itself."
            )
        return None
    if authority.installed is None:
        raise AwsError(
            "InvalidStateException",
            f"The certificate authority {authority.arn} is in state PENDING_CERTIFICATE; "
            "it can only issue its own root certificate.",
        )
    if template.is_ca:
        _check_path_length(authority.installed.path_length, authority.short_lived, template)
    return authority.installed


def _check_path_length(allowed: int | None, short_lived: bool, template: Template) -> None:
    if short_lived:
        raise invalid("A short-lived certificate CA must be the last CA in the hierarchy.")
    if allowed is not None and (template.path_length is None or template.path_length >= allowed):
        raise invalid(
            f"The path length of {template.name} must be less than the certificate "
            f"authority's own, which is {allowed}."
        )


def _dated(
    request: Issue, now: float, issuer: Installed | None, *, short_lived: bool
) -> x509.CertificateBuilder:
    not_before, not_after = validity_period(
        request.params,
        datetime.fromtimestamp(int(now), UTC),
        ca_not_after=issuer.not_after if issuer else None,
        short_lived=short_lived and issuer is not None,
    )
    try:
        return x509.CertificateBuilder().not_valid_before(not_before).not_valid_after(not_after)
    except ValueError as error:
        raise AwsError("ValidationException", f"The validity is not possible: {error}") from error


def _subject(request: Issue) -> x509.Name:
    asked = request.passthrough.get("Subject")
    return subject_name(asked) if asked else request.csr.subject


def _layers(
    authority: Authority,
    request: Issue,
    issuer: Installed | None,
    region: str,
    subject: x509.Name,
) -> list[extensions.Extension]:
    key = cast(PublicKey, request.csr.public_key())
    found = extensions.chosen_extensions(
        extensions.of_template(
            request.template,
            x509.SubjectKeyIdentifier.from_public_key(key),
            issuer.authority_key_identifier if issuer else None,
        ),
        issued_extensions(authority.revocation, authority.arn, region) if issuer else [],
        extensions.of_api(request.passthrough.get("Extensions") or {}),
        extensions.of_csr(request.csr, passthrough=request.template.csr_passthrough),
    )
    named = subject.rdns or any(value.oid == _SAN for value, _ in found)
    if not named:
        raise _malformed("The CSR must provide a subject or a subject alternative name.")
    return found


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedCSRException", message)
