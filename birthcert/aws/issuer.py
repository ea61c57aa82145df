"""The issuing CA as the batch engine sees it."""

from datetime import UTC, datetime
from typing import Any

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.models import CertificateAuthority


class PrivateCaIssuer:
    """Issues from one ACTIVE CA and fetches what it issued; thread-safe."""

    def __init__(self, aws: AwsAccess, authority: CertificateAuthority, partition: str) -> None:
        self._aws, self._authority, self._partition = aws, authority, partition
        self.arn = authority.arn
        self.certificate_pem = authority.certificate_pem
        self.signing_algorithm = authority.signing_algorithm
        self.not_after = datetime.fromisoformat(authority.not_after).astimezone(UTC)

    def issue(
        self,
        csr_pem: bytes,
        *,
        template: str,
        validity: dict[str, Any],
        token: str,
        subject: dict[str, str] | None = None,
    ) -> str:
        """IssueCertificate; the certificate's ARN."""
        return private_ca.issue(
            self._aws,
            self._authority,
            csr_pem,
            template=template,
            partition=self._partition,
            validity=validity,
            token=token,
            subject=subject,
        )

    def get(self, certificate_arn: str) -> tuple[str, str] | None:
        """The certificate and its chain (issuer ... root) as PEM; None while AWS is issuing."""
        issued = private_ca.get(self._aws, self.arn, certificate_arn)
        return (issued.certificate_pem, issued.chain_pem) if issued else None
