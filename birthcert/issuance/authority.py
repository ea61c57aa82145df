"""What the engine needs of a certificate authority, and which of its errors concern everyone."""

from datetime import datetime
from typing import Any, Final, Protocol

from birthcert.errors import AwsCallFailed


class IssuingAuthority(Protocol):
    """A certificate authority that signs devices' CSRs; called from many threads.

    It retries what is worth it by itself. A call raises AwsCallFailed, AwsUnreachable or another
    BirthcertError. Retries of `issue` must end within a minute of the first request that got no
    answer: after five minutes the token is forgotten and a retry buys again [6].
    """

    @property
    def arn(self) -> str:
        """The CA's ARN."""

    @property
    def certificate_pem(self) -> str:
        """The CA's own certificate."""

    @property
    def not_after(self) -> datetime:
        """The end of the CA's own certificate, with its zone."""

    def issue(
        self,
        csr_pem: bytes,
        *,
        template: str,
        validity: dict[str, Any],
        token: str,
        subject: dict[str, str] | None,
    ) -> str:
        """IssueCertificate; returns the certificate's ARN. `template` is `Name/V1`."""

    def get(self, certificate_arn: str) -> tuple[str, str] | None:
        """GetCertificate: certificate and chain in PEM; None while AWS is still issuing."""


# What these say of one call is true for every other: the CA, the caller or the quota is at fault.
_CONCERNS_ALL: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidArnException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidStateException",
        "LimitExceededException",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "ThrottlingException",
        "UnrecognizedClientException",
    }
)
# With these AWS has judged the request itself, so an earlier try of it bought nothing either.
_JUDGED: Final = (
    _CONCERNS_ALL
    | {
        "InvalidArgsException",
        "MalformedCSRException",
        "ResourceNotFoundException",
        "ValidationException",
    }
) - {"ThrottlingException"}


def concerns_all(error: BaseException) -> bool:
    """Whether other devices would meet the same error, so that going on is of no use."""
    if not isinstance(error, AwsCallFailed):
        return True
    if error.code == "ResourceNotFoundException":
        return error.action == "IssueCertificate"  # else it is one certificate that is not there
    return error.code in _CONCERNS_ALL


def bought_nothing(error: BaseException) -> bool:
    """Whether it is certain that the failed IssueCertificate made no certificate."""
    return isinstance(error, AwsCallFailed) and error.code in _JUDGED
