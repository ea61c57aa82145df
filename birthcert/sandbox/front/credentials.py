"""Who calls: the credential scope of a request, and the account that its access key belongs to.

Signatures are not checked; access keys are. A key that this sandbox did not make is refused, so
that production credentials sent here by mistake get a clear answer.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

from birthcert.sandbox.environment import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.http_messages import HttpRequest
from birthcert.sandbox.front.services import region_partitions
from birthcert.sandbox.state import SandboxState

_CREDENTIAL: Final = re.compile(
    r"(?P<key>[^/\s=,]+)/(?P<date>\d{8})/(?P<region>[^/\s,]+)/(?P<service>[^/\s,]+)/aws4_request"
)
_OPERATOR: Final = "birthcert-sandbox"
# the attribute of an assumed role's key that says when it ends, in seconds since the epoch
EXPIRES_AT: Final = "birthcert_expires_at"
# Code by protocol: the JSON services say it in other words than the query services and S3
_CODES: Final = {
    "missing": (
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
        "AccessDenied",
    ),
    "incomplete": (
        "IncompleteSignatureException",
        "IncompleteSignature",
        "AuthorizationHeaderMalformed",
    ),
    "unknown key": ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
    # which code AWS IoT gives is in no document [inf]
    "expired": ("ExpiredTokenException", "ExpiredToken", "ExpiredToken"),
    "region": (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthorizationHeaderMalformed",
    ),
}


@dataclass(frozen=True)
class Scope:
    """What a signed request says of itself; `service` is the signing name."""

    access_key: str
    region: str
    service: str


def scope_of(request: HttpRequest) -> Scope | None:
    """The credential scope, from the header or from a presigned URL; None where it is unsigned.

    AwsError IncompleteSignature for an Authorization header that has none.
    """
    given = request.headers.get("authorization")
    text = given or request.query_values.get("X-Amz-Credential", [""])[0]
    if not text:
        return None
    match = _CREDENTIAL.search(text)
    if match is None:
        message = "Authorization header requires 'Credential' parameter."
        raise refusal("incomplete", "", message)
    return Scope(match["key"], match["region"], match["service"].lower())


def refusal(reason: str, protocol: str, message: str) -> AwsError:
    """A 403 whose code fits the protocol (`json`, `rest-json`, `query` or `rest-xml`)."""
    json_code, query_code, s3_code = _CODES[reason]
    code = {"query": query_code, "rest-xml": s3_code}.get(protocol, json_code)
    return AwsError(code, message, status=403)


def partition_of(region: str, protocol: str) -> str:
    """The partition of a region; AwsError for a region that AWS does not have."""
    partition = region_partitions().get(region)
    if partition is None:
        message = f"Credential should be scoped to a valid region, not '{region}'. "
        raise refusal("region", protocol, message)
    return partition


class AccessKeys:
    """The keys this sandbox knows: its own, those of IAM users and those of assumed roles."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def account_of(self, scope: Scope, protocol: str) -> str:
        """The account that a key belongs to; AwsError 403 for one that is of no use.

        One made elsewhere, an inactive one, and an assumed role's after its end.
        """
        from moto.iam.models import iam_backends

        if scope.access_key == ACCESS_KEY_ID:
            partition = partition_of(scope.region, protocol)
            self._make_operator(iam_backends[self._state.account][partition], scope.region)
            return self._state.account
        for account, partitions in list(iam_backends.items()):
            for backend in list(partitions.values()):
                key = backend.access_keys.get(scope.access_key)
                if key is not None and key.status == "Active":
                    self._check_life(key, protocol)
                    return str(account)
        message = (
            "The security token included in the request is invalid. This is the birthcert "
            "sandbox, not AWS: it does not know this access key."
        )
        raise refusal("unknown key", protocol, message)

    def _check_life(self, key: Any, protocol: str) -> None:
        if self._state.clock() >= getattr(key, EXPIRES_AT, math.inf):
            message = "The security token included in the request is expired"
            raise refusal("expired", protocol, message)

    def _make_operator(self, backend: Any, region: str) -> None:
        """The IAM user that the sandbox's own key belongs to, so that STS can name the caller."""
        if ACCESS_KEY_ID in backend.access_keys:
            return
        with self._state.lock:
            if ACCESS_KEY_ID in backend.access_keys:
                return
            backend.create_user(region, _OPERATOR)
            key = backend.create_access_key(_OPERATOR)
            del backend.access_keys[key.access_key_id]
            key.access_key_id, key.secret_access_key = ACCESS_KEY_ID, SECRET_ACCESS_KEY
            backend.access_keys[ACCESS_KEY_ID] = key
