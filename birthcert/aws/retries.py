"""Which answers of AWS are worth another try, and for how long: one table for all calls [16, 28].

botocore's own retries are off (`total_max_attempts=1`): its standard mode counts
LimitExceededException as throttling and would hammer a hard quota for minutes.
"""

import random
from dataclasses import dataclass
from typing import Final

THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
    }
)
UNAVAILABLE: Final = frozenset(
    {"InternalFailure", "InternalFailureException", "InternalServerError", "ServiceUnavailable",
     "ServiceUnavailableException", "ServiceFailure"}
)  # fmt: skip
ROLE_NOT_ASSUMABLE: Final = "cannot be assumed"  # in the message of rule 28's InvalidRequest


@dataclass(frozen=True)
class Patience:
    """A code that one action answers in passing, how long to wait it out, and its message."""

    code: str
    seconds: float
    message_part: str = ""


_IN_PROGRESS: Final = (
    Patience("RequestInProgressException", 180),
    Patience("RequestFailedException", 60),
)
_CONCURRENT: Final = (*_IN_PROGRESS, Patience("ConcurrentModificationException", 60))

IN_PASSING: Final[dict[str, tuple[Patience, ...]]] = {
    "acm-pca.GetCertificateAuthorityCsr": _IN_PROGRESS,
    "acm-pca.ImportCertificateAuthorityCertificate": _CONCURRENT,
    "acm-pca.RevokeCertificate": _CONCURRENT,
    "acm-pca.UpdateCertificateAuthority": _CONCURRENT,
    "acm-pca.DeleteCertificateAuthority": _CONCURRENT,
    # not RequestFailed: a second report within 30 minutes is refused with it [14][inf]
    "acm-pca.CreateCertificateAuthorityAuditReport": (
        Patience("RequestInProgressException", 60),
    ),
    # while it is being issued; what waits for it is Pending, not an error
    "acm-pca.GetCertificate": (Patience("RequestFailedException", 60),),
    # two conditional puts of one key at the same moment
    "s3.PutObject": (Patience("ConditionalRequestConflict", 20),),
    "iot.RegisterCACertificate": (
        Patience("InvalidRequestException", 90, ROLE_NOT_ASSUMABLE),
    ),
    "iot.UpdateCACertificate": (
        Patience("InvalidRequestException", 90, ROLE_NOT_ASSUMABLE),
    ),
}  # fmt: skip


# a request that bought something is repeated well within its token's five minutes [6]
LONGEST_SECONDS: Final[dict[str, float]] = {"acm-pca.IssueCertificate": 60.0}
# only where the CA's certificate was imported a moment ago: else the CA is disabled
JUST_IMPORTED: Final = (Patience("InvalidStateException", 60),)


def patience_for(
    action: str,
    code: str,
    message: str,
    status: int,
    default: float,
    also: tuple[Patience, ...] = (),
) -> float:
    """Seconds for which `service.Action` is tried again after this answer; 0: fail at once.

    `also` are answers that pass in the caller's situation alone.
    """
    if outcome_of(code, status) != "refused":
        return min(default, LONGEST_SECONDS.get(action, default))
    for rule in (*also, *IN_PASSING.get(action, ())):
        if rule.code == code and rule.message_part in message:
            return rule.seconds
    return 0.0


def outcome_of(code: str, status: int) -> str:
    """What an error answer is for those who count: throttled, unavailable or refused."""
    if code in THROTTLED or status == 429:
        return "throttled"
    return "unavailable" if code in UNAVAILABLE or status >= 500 else "refused"


def delay_seconds(
    attempt: int, draw: random.Random, *, base: float = 0.1, cap: float = 5.0
) -> float:
    """Exponential back-off with full jitter before try number `attempt` (the first retry is 1)."""
    return draw.uniform(0, min(cap, base * 2**attempt))


REMEDIES: Final[dict[str, str]] = {
    "ExpiredToken": "log in again and run the same command",
    "ExpiredTokenException": "log in again and run the same command",
    "InvalidClientTokenId": "check the access key and AWS_ENDPOINT_URL",
    "UnrecognizedClientException": "check the access key and AWS_ENDPOINT_URL",
    "SignatureDoesNotMatch": "check the secret access key and the machine's clock",
    "AccessDenied": "grant the action: examples/iam/ has the policies",
    "AccessDeniedException": "grant the action: examples/iam/ has the policies",
    "UnauthorizedException": "grant the action: examples/iam/ has the policies",
    "NoSuchBucket": "name a bucket that is there; its name is in the address after s3://",
    "PermanentRedirect": "the bucket is in another region or partition than the run",
    "AuthorizationHeaderMalformed": "the bucket is in another region or partition than the run",
    "InvalidAccessKeyId": "check the access key and AWS_ENDPOINT_URL",
    "LimitExceededException": "a hard quota: delete what is not needed or ask AWS for an increase",
    "LimitExceeded": "a hard quota: delete what is not needed or ask AWS for an increase",
    "ThrottlingException": "AWS throttles this account: run again later or use fewer threads",
}
