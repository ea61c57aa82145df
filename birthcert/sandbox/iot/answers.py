"""The error answers of AWS IoT: one function for each kind, with AWS's code and HTTP status."""

from typing import Final

from birthcert.sandbox.errors import AwsError

ROLE_NOT_ASSUMABLE: Final = "The provisioning role cannot be assumed by AWS IoT"  # [28]


def invalid_request(message: str) -> AwsError:
    """400: the request itself is wrong."""
    return AwsError("InvalidRequestException", message)


def not_found(message: str = "The specified resource does not exist") -> AwsError:
    """404: what the request names is not there."""
    return AwsError("ResourceNotFoundException", message, status=404)


def already_exists(message: str, resource_id: str, resource_arn: str) -> AwsError:
    """409: carries the id and ARN of what is there, for idempotent callers [21]."""
    return AwsError(
        "ResourceAlreadyExistsException",
        message,
        status=409,
        resourceId=resource_id,
        resourceArn=resource_arn,
    )


def invalid_certificate(message: str) -> AwsError:
    """400: the certificate cannot be registered [24]."""
    return AwsError("CertificateValidationException", message)


def certificate_state(message: str) -> AwsError:
    """406: the certificate's status forbids it [32]."""
    return AwsError("CertificateStateException", message, status=406)


def certificate_conflict(message: str) -> AwsError:
    """409: more than one registered CA could have signed the certificate [21]."""
    return AwsError("CertificateConflictException", message, status=409)


def delete_conflict(message: str) -> AwsError:
    """409: something still hangs on what should go [32]."""
    return AwsError("DeleteConflictException", message, status=409)


def limit_exceeded(message: str) -> AwsError:
    """410: a hard limit, which no retry gets past [21]."""
    return AwsError("LimitExceededException", message, status=410)


def malformed_policy(message: str) -> AwsError:
    """400: the policy document is no policy [29]."""
    return AwsError("MalformedPolicyException", message)
