"""Hangs Private CA's rules into moto: its front door stays, what it answers is ours.

The seams are moto's internals: `seams` names them, and `install` says which one moved.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import moto.acmpca.responses as moto_responses
import moto.core.responses as moto_core
import moto.s3.models as moto_s3
from moto.core.exceptions import ServiceException
from moto.core.utils import camelcase_to_underscores
from moto.utilities.utils import get_partition

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.moto_seams import Seam, check, seam
from birthcert.sandbox.private_ca.arns import owner_of
from birthcert.sandbox.private_ca.service import CALLS, PrivateCa
from birthcert.sandbox.state import SandboxState

_CONTENT_TYPE: Final = "application/x-amz-json-1.1"
Answer = tuple[str, dict[str, Any]]


# Looked at before anything is set, since a method that was set is there for sure.
_SEAMS: Final = [
    *(
        seam(moto_responses, f"ACMPCAResponse.{name}")
        for name in (
            "dispatch",
            "call_action",
            "issue_certificate",
            "get_certificate",
            "create_certificate_authority",
            "import_certificate_authority_certificate",
            "list_certificate_authorities",
        )
    ),
    *(
        seam(moto_core, f"BaseResponse.{name}")
        for name in ("setup_class", "get_current_account", "get_region_from_url")
    ),
    seam(moto_s3, "s3_backends"),
    seam(moto_s3, "S3Backend.get_bucket"),
    seam(moto_s3, "S3Backend.put_object"),
]


def seams() -> list[Seam]:
    """The internals of moto that this module stands on."""
    return list(_SEAMS)


class MotoBuckets:
    """The S3 of one account in moto."""

    def __init__(self, account: str, partition: str) -> None:
        self._account, self._partition = account, partition

    def exists(self, bucket: str) -> bool:
        """Whether the account can reach a bucket of that name."""
        try:
            self._backend().get_bucket(bucket)
        except ServiceException:
            return False
        return True

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        self._backend().put_object(bucket, key, body)

    def _backend(self) -> Any:
        return moto_s3.s3_backends[self._account][self._partition]


class _Installation:
    """The Private CAs of one sandbox, made as they are first asked for."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self.places: dict[tuple[str, str], PrivateCa] = {}

    def private_ca(self, account: str, region: str) -> PrivateCa:
        with self.state.lock:
            if (account, region) not in self.places:
                self.places[account, region] = self._made(account, region)
            return self.places[account, region]

    def all(self) -> list[PrivateCa]:
        with self.state.lock:
            return list(self.places.values())

    def _made(self, account: str, region: str) -> PrivateCa:
        partition = get_partition(region)
        return PrivateCa(
            self.state,
            partition=partition,
            region=region,
            account=account,
            store=MotoBuckets(account, partition),
            neighbours=self.all,
        )


_installed: _Installation | None = None


def install(state: SandboxState) -> None:
    """Answer all of Private CA's calls in this process by the rules, with empty books.

    RuntimeError where moto's internals are not as expected: it names the seam that moved.
    """
    global _installed
    check(seams())
    _installed = _Installation(state)
    for action in CALLS:
        method = camelcase_to_underscores(action)
        setattr(moto_responses.ACMPCAResponse, method, _method(action))


def private_ca_of(account: str, region: str) -> PrivateCa:
    """The Private CA of an account and region; RuntimeError before `install`."""
    return _current().private_ca(account, region)


def all_private_cas() -> list[PrivateCa]:
    """Every Private CA that was asked for so far."""
    return _current().all()


def _current() -> _Installation:
    if _installed is None:
        raise RuntimeError("Private CA is not installed in moto; call install(state) first")
    return _installed


def handle(action: str, params: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
    """Answer a call from an account in a region; AwsError as AWS would.

    The ARN in it says whose CA it is: another account's needs that CA's resource policy.
    """
    owner = account
    if arn := params.get("CertificateAuthorityArn") or params.get("ResourceArn"):
        owner, arn_region = owner_of(str(arn))
        if arn_region != region:
            raise AwsError("ResourceNotFoundException", f"Could not find resource {arn}.")
    return private_ca_of(owner, region).handle(action, params, caller=account)


def _method(action: str) -> Callable[[Any], Answer]:
    def answer(response: Any) -> Answer:
        headers: dict[str, Any] = {"Content-Type": _CONTENT_TYPE}
        try:
            params = _params(response.body)
            body = handle(action, params, account=response.current_account, region=response.region)
        except AwsError as error:
            refusal = {"__type": error.code, "message": error.message, **error.extra}
            headers |= {"status": error.status, "x-amzn-ErrorType": error.code}
            return json.dumps(refusal), headers
        return json.dumps(body), headers

    return answer


def _params(body: str) -> dict[str, Any]:
    try:
        params = json.loads(body or "{}")
    except ValueError as error:
        raise AwsError("SerializationException", "The request body is not JSON.") from error
    if not isinstance(params, dict):
        raise AwsError("SerializationException", "The request body is not a JSON object.")
    return params
