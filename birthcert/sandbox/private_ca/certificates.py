"""The certificates that an authority issued: fetched and revoked, kept small in memory."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from birthcert.sandbox.errors import AwsError


@dataclass(slots=True)
class IssuedCertificate:
    """One certificate; strings are shared among those of one authority and template.

    `chain_pem` is empty for a root's own certificate. Times are seconds since the epoch;
    it can be fetched from `ready_at` on, after `polls_left` more answers of "in progress".
    """

    der: bytes
    chain_pem: str
    template: str
    issued_at: float
    ready_at: float
    polls_left: int
    revoked_at: float | None = None
    revocation_reason: str = ""

    @property
    def pem(self) -> str:
        """The certificate in PEM, without a newline at its end, as AWS gives it [17]."""
        return ssl.DER_cert_to_PEM_cert(self.der).strip()

    def fetch(self, now: float) -> dict[str, str]:
        """GetCertificate's answer, also for revoked and expired ones [13, 17]."""
        if now < self.ready_at or self.polls_left > 0:
            self.polls_left = max(0, self.polls_left - 1)
            raise AwsError(
                "RequestInProgressException", "The certificate is still being issued; try again."
            )
        chain = {"CertificateChain": self.chain_pem} if self.chain_pem else {}
        return {"Certificate": self.pem, **chain}


def serial_number(text: str) -> int:
    """A serial number from hex, with or without colons; InvalidRequestException otherwise."""
    try:
        return int(text.replace(":", ""), 16)
    except ValueError as error:
        raise AwsError(
            "InvalidRequestException", f"The serial number {text!r} is not hexadecimal."
        ) from error


def colons(serial: int) -> str:
    """A serial number as AWS writes it in reports: hex pairs with colons."""
    return serial.to_bytes(16, "big").hex(":")


def revoke(
    certificates: Mapping[int, IssuedCertificate], serial_text: str, reason: str, now: float
) -> None:
    """Revoke by serial number [13].

    RequestAlreadyProcessedException the second time, ResourceNotFoundException for an unknown
    serial number, InvalidRequestException for a root's self-signed certificate.
    """
    found = certificates.get(serial_number(serial_text))
    if found is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"No certificate with the serial number {serial_text} was issued by this "
            "certificate authority.",
        )
    if not found.chain_pem:
        raise AwsError(
            "InvalidRequestException", "A self-signed root CA certificate cannot be revoked."
        )
    if now < found.ready_at:
        raise AwsError("RequestInProgressException", "The certificate is still being issued.")
    if found.revoked_at is not None:
        raise AwsError("RequestAlreadyProcessedException", "The certificate is revoked already.")
    found.revoked_at, found.revocation_reason = now, reason
