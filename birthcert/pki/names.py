"""Subjects: from a request's model to X.509, and the device's name in its CommonName [rule 26]."""

import re
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from birthcert import limits

if TYPE_CHECKING:
    from birthcert.models import Subject

_FIELDS: Final = (
    ("country", NameOID.COUNTRY_NAME),
    ("state", NameOID.STATE_OR_PROVINCE_NAME),
    ("locality", NameOID.LOCALITY_NAME),
    ("organization", NameOID.ORGANIZATION_NAME),
    ("organizational_unit", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("common_name", NameOID.COMMON_NAME),
    ("serial_number", NameOID.SERIAL_NUMBER),
    ("distinguished_name_qualifier", NameOID.DN_QUALIFIER),
)
# the names of the fields of `birthcert.models.Subject`
SUBJECT_FIELDS: Final = tuple(field for field, _ in _FIELDS)
_DEVICE_NAME: Final = re.compile(limits.THING_NAME_PATTERN)


def x509_name(subject: "Subject") -> x509.Name:
    """The X.509 name of a subject, from the country down; empty fields are left out."""
    return x509.Name(
        [
            x509.NameAttribute(oid, value)
            for field, oid in _FIELDS
            if (value := getattr(subject, field))
        ]
    )


def common_names(name: x509.Name) -> list[str]:
    """All CommonNames of a subject, in order."""
    return [str(found.value) for found in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def device_name_problem(name: str) -> str | None:
    """Why a name cannot be a device's, or None: it becomes CommonName and thing name [26]."""
    if not name:
        return "the device has no name"
    if len(name) > limits.COMMON_NAME_MAX_LENGTH:
        return (
            f"the name {name[:24]!r}... has {len(name)} characters: "
            f"a CommonName holds at most {limits.COMMON_NAME_MAX_LENGTH}"
        )
    if not _DEVICE_NAME.fullmatch(name):
        return (
            f"the name {name!r} cannot be a thing's: "
            "only letters, digits, colon, underscore and hyphen"
        )
    return None
