"""botocore's errors as ours, with their facts."""

from typing import Any

from botocore.exceptions import ClientError

from birthcert.aws.retries import REMEDIES
from birthcert.errors import AwsCallFailed, AwsUnreachable, ConfigurationError


def call_failed(service: str, action: str, error: ClientError) -> AwsCallFailed:
    """AWS's error with its facts, the request id among them."""
    details: dict[str, Any] = error.response.get("Error", {})  # type: ignore[assignment]
    metadata: dict[str, Any] = error.response.get("ResponseMetadata", {})  # type: ignore[assignment]
    code = str(details.get("Code", "Unknown"))
    return AwsCallFailed(
        service=service,
        action=action,
        code=code,
        message=one_line(details.get("Message") or error.response.get("message", "")),
        request_id=str(metadata.get("RequestId", "")),
        status=int(metadata.get("HTTPStatusCode", 0)),
        resource_id=str(error.response.get("resourceId", "")),
        resource_arn=str(error.response.get("resourceArn", "")),
        remedy=REMEDIES.get(code, ""),
    )


def unreachable(service: str, action: str, error: Exception) -> AwsUnreachable:
    """No answer came."""
    return AwsUnreachable(
        f"no answer from AWS to {service}:{action}: {one_line(error)}",
        remedy="check the network and AWS_ENDPOINT_URL, then run the same command again",
        service=service,
        action=action,
    )


def no_credentials(error: Exception) -> ConfigurationError:
    """There is nobody to call AWS as."""
    return ConfigurationError(
        f"no AWS credentials: {one_line(error)}",
        remedy="log in (aws sso login), choose AWS_PROFILE or set AWS_ACCESS_KEY_ID",
    )


def one_line(error: object) -> str:
    """The text of an error without its line breaks."""
    return " ".join(str(error).split())
