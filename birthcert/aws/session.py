"""Credentials of an assumed role that refresh themselves, so that a long batch outlives an hour."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import boto3
import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import ClientError, CredentialRetrievalError

from birthcert.aws.failures import call_failed

SESSION_NAME: Final = "birthcert"
AwsSession = boto3.Session


def plain_session(region: str) -> AwsSession:
    """A session with the credentials of the standard chain."""
    return boto3.Session(region_name=region)


def assumed_session(
    role_arn: str,
    *,
    region: str,
    base: AwsSession | None = None,
    external_id: str | None = None,
    session_tags: Mapping[str, str] | None = None,
    duration_seconds: int = 3_600,
) -> AwsSession:
    """A session that acts as a role and asks STS again before its credentials end.

    `base` are the credentials that may assume it; without one, those of the standard chain.
    Nothing is asked until the first call; what STS then refuses is a CredentialRetrievalError.
    """
    base = base or plain_session(region)
    arguments: dict[str, Any] = {"RoleSessionName": SESSION_NAME}
    if external_id:
        arguments["ExternalId"] = external_id
    if session_tags:
        arguments["Tags"] = [{"Key": key, "Value": tag} for key, tag in session_tags.items()]
    arguments["DurationSeconds"] = duration_seconds
    provider = _AssumedRole(base, role_arn, region, arguments)
    session = botocore.session.get_session()
    session.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=session, region_name=region)


class _AssumedRole(CredentialProvider):
    METHOD = "assume-role"

    def __init__(
        self, base: AwsSession, role_arn: str, region: str, arguments: dict[str, Any]
    ) -> None:
        super().__init__()
        self._base, self._role_arn = base, role_arn
        self._region, self._arguments = region, arguments

    def load(self) -> DeferredRefreshableCredentials | None:
        """The role's credentials, fetched when first used; None where there are none below it."""
        source = self._base.get_credentials()
        if source is None:
            return None
        fetcher = AssumeRoleCredentialFetcher(
            self._client, source, self._role_arn, extra_args=self._arguments
        )
        return DeferredRefreshableCredentials(
            method=self.METHOD, refresh_using=_telling(fetcher.fetch_credentials)
        )

    def _client(self, service: str, **credentials: Any) -> Any:
        return self._base.client(service, region_name=self._region, **credentials)  # type: ignore[call-overload]


def _telling(fetch: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """STS's refusal as what it is: the caller's own call was never made."""

    def fetched() -> dict[str, Any]:
        try:
            return fetch()
        except ClientError as error:
            refusal = call_failed("sts", "AssumeRole", error)
            raise CredentialRetrievalError(
                provider=_AssumedRole.METHOD, error_msg=str(refusal)
            ) from error

    return fetched
