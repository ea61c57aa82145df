"""What the sandbox's own page `/_sandbox/books` says of Private CA."""

from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from birthcert.pki.certificates import public_key_sha256
from birthcert.sandbox.private_ca.arns import certificate_arn
from birthcert.sandbox.private_ca.authority import Authority
from birthcert.sandbox.private_ca.certificates import IssuedCertificate, colons
from birthcert.sandbox.private_ca.structures import subject_name


def authority_entry(authority: Authority, now: float) -> dict[str, Any]:
    """One authority in the books."""
    configuration = authority.configuration
    return {
        "arn": authority.arn,
        "status": authority.status(now),
        "type": authority.kind,
        "subject": subject_name(configuration["Subject"]).rfc4514_string(),
        "key_algorithm": configuration["KeyAlgorithm"],
        "tags": dict(authority.tags),
        "created_at": datetime.fromtimestamp(authority.created_at, UTC).isoformat(),
    }


def certificate_entry(authority_arn: str, serial: int, issued: IssuedCertificate) -> dict[str, Any]:
    """One certificate in the books: subject in RFC 4514, serial as colon-separated hex."""
    certificate = x509.load_der_x509_certificate(issued.der)
    return {
        "authority_arn": authority_arn,
        "certificate_arn": certificate_arn(authority_arn, serial),
        "serial_number": colons(serial),
        "subject": certificate.subject.rfc4514_string(),
        "public_key_sha256": public_key_sha256(certificate.public_key()),
        "revoked": issued.revoked_at is not None,
        "template": issued.template,
    }
