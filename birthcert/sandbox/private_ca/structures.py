"""Private CA's API structures (ASN1Subject, GeneralName, KeyUsage, ...) as X.509."""

import base64
import binascii
import ipaddress
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from birthcert.sandbox.errors import AwsError

# In AWS's order, which is the order in the certificate.
_ATTRIBUTES: Final = {
    "Country": NameOID.COUNTRY_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "DistinguishedNameQualifier": NameOID.DN_QUALIFIER,
    "State": NameOID.STATE_OR_PROVINCE_NAME,
    "CommonName": NameOID.COMMON_NAME,
    "SerialNumber": NameOID.SERIAL_NUMBER,
    "Locality": NameOID.LOCALITY_NAME,
    "Title": NameOID.TITLE,
    "Surname": NameOID.SURNAME,
    "GivenName": NameOID.GIVEN_NAME,
    "Initials": NameOID.INITIALS,
    "Pseudonym": NameOID.PSEUDONYM,
    "GenerationQualifier": NameOID.GENERATION_QUALIFIER,
}
_EXTENDED_USES: Final = {
    "SERVER_AUTH": ExtendedKeyUsageOID.SERVER_AUTH,
    "CLIENT_AUTH": ExtendedKeyUsageOID.CLIENT_AUTH,
    "CODE_SIGNING": ExtendedKeyUsageOID.CODE_SIGNING,
    "EMAIL_PROTECTION": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "TIME_STAMPING": ExtendedKeyUsageOID.TIME_STAMPING,
    "OCSP_SIGNING": ExtendedKeyUsageOID.OCSP_SIGNING,
    "SMART_CARD_LOGIN": ExtendedKeyUsageOID.SMARTCARD_LOGON,
    "DOCUMENT_SIGNING": ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),
    "CERTIFICATE_TRANSPARENCY": ExtendedKeyUsageOID.CERTIFICATE_TRANSPARENCY,
}


def invalid(message: str) -> AwsError:
    """An InvalidArgsException."""
    return AwsError("InvalidArgsException", message)


def subject_name(subject: dict[str, Any]) -> x509.Name:
    """An ASN1Subject as a name; InvalidArgsException where X.509 or AWS does not allow it."""
    standard = [(_ATTRIBUTES[key], subject[key]) for key in _ATTRIBUTES if subject.get(key)]
    custom = [
        (_oid(each["ObjectIdentifier"]), each["Value"])
        for each in subject.get("CustomAttributes") or []
    ]
    if standard and custom:
        raise invalid("Custom attributes cannot be used in combination with standard attributes.")
    try:
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in standard + custom])
    except ValueError as error:
        raise invalid(f"The subject is not valid: {error}") from error


def key_usage(usage: dict[str, bool]) -> x509.KeyUsage:
    """A KeyUsage structure; what it leaves out is false."""
    try:
        return x509.KeyUsage(
            digital_signature=usage.get("DigitalSignature", False),
            content_commitment=usage.get("NonRepudiation", False),
            key_encipherment=usage.get("KeyEncipherment", False),
            data_encipherment=usage.get("DataEncipherment", False),
            key_agreement=usage.get("KeyAgreement", False),
            key_cert_sign=usage.get("KeyCertSign", False),
            crl_sign=usage.get("CRLSign", False),
            encipher_only=usage.get("EncipherOnly", False),
            decipher_only=usage.get("DecipherOnly", False),
        )
    except ValueError as error:
        raise invalid(f"The key usage is not valid: {error}") from error


def extended_key_usage(uses: list[dict[str, str]]) -> x509.ExtendedKeyUsage:
    """An ExtendedKeyUsage list; each entry has a type or an object identifier, not both."""
    found = []
    for use in uses:
        kind, oid = (
            use.get("ExtendedKeyUsageType"),
            use.get("ExtendedKeyUsageObjectIdentifier"),
        )
        if bool(kind) == bool(oid):
            raise invalid("An extended key usage has a type or an object identifier.")
        found.append(_EXTENDED_USES[kind] if kind in _EXTENDED_USES else _oid(oid or str(kind)))
    return x509.ExtendedKeyUsage(found)


def certificate_policies(policies: list[dict[str, Any]]) -> x509.CertificatePolicies:
    """A CertificatePolicies list, with its CPS addresses."""
    return x509.CertificatePolicies(
        [
            x509.PolicyInformation(
                _oid(policy["CertPolicyId"]),
                [each["Qualifier"]["CpsUri"] for each in policy.get("PolicyQualifiers") or []]
                or None,
            )
            for policy in policies
        ]
    )


def custom_extension(extension: dict[str, Any]) -> tuple[x509.UnrecognizedExtension, bool]:
    """A CustomExtension and whether it is critical."""
    try:
        value = base64.b64decode(extension["Value"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("A custom extension's value is not base64.") from error
    oid = _oid(extension["ObjectIdentifier"])
    return x509.UnrecognizedExtension(oid, value), bool(extension.get("Critical"))


def subject_information_access(
    descriptions: list[dict[str, Any]],
) -> x509.SubjectInformationAccess:
    """The SubjectInformationAccess of a CA's CSR."""
    methods = {
        "CA_REPOSITORY": "1.3.6.1.5.5.7.48.5",
        "RESOURCE_PKI_MANIFEST": "1.3.6.1.5.5.7.48.10",
        "RESOURCE_PKI_NOTIFY": "1.3.6.1.5.5.7.48.13",
    }
    found = []
    for description in descriptions:
        method = description["AccessMethod"]
        named = methods.get(method.get("AccessMethodType", ""))
        oid = _oid(named or method.get("CustomObjectIdentifier", ""))
        location = general_name(description["AccessLocation"])
        found.append(x509.AccessDescription(oid, location))
    return x509.SubjectInformationAccess(found)


def general_name(name: dict[str, Any]) -> x509.GeneralName:
    """A GeneralName; InvalidArgsException unless exactly one of its forms is given."""
    if len(name) != 1:
        raise invalid("Exactly one option of a general name must be given.")
    ((form, value),) = name.items()
    if form not in _GENERAL_NAMES:
        raise invalid(f"The sandbox cannot write general names of the form {form}.")
    try:
        return _GENERAL_NAMES[form](value)
    except ValueError as error:
        raise invalid(f"The general name {form} is not valid: {error}") from error


def _other_name(value: dict[str, str]) -> x509.OtherName:
    text = value["Value"].encode()
    size = len(text).to_bytes((len(text).bit_length() + 7) // 8 or 1, "big")
    length = size if len(text) < 0x80 else bytes([0x80 | len(size)]) + size
    return x509.OtherName(_oid(value["TypeId"]), b"\x0c" + length + text)  # a DER UTF8String


def _oid(dotted: str) -> ObjectIdentifier:
    try:
        return ObjectIdentifier(dotted)
    except ValueError as error:
        raise invalid(f"{dotted!r} is not an object identifier.") from error


_GENERAL_NAMES: Final[dict[str, Callable[[Any], x509.GeneralName]]] = {
    "OtherName": _other_name,
    "Rfc822Name": x509.RFC822Name,
    "DnsName": x509.DNSName,
    "DirectoryName": lambda value: x509.DirectoryName(subject_name(value)),
    "UniformResourceIdentifier": x509.UniformResourceIdentifier,
    "IpAddress": lambda value: x509.IPAddress(ipaddress.ip_address(value)),
    "RegisteredId": lambda value: x509.RegisteredID(_oid(value)),
}
