"""What the process environment must say before moto is imported, and what clients must say."""

import os
from typing import Final

ACCESS_KEY_ID: Final = "AKIABIRTHCERTSANDBOX"
SECRET_ACCESS_KEY: Final = "not-a-secret-the-sandbox-checks-no-signatures"

# moto reads these when it is imported or at each call
_MOTO: Final = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",  # else AWSIoTThingsRegistration does not exist
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}
_MOTO_UNWANTED: Final = ("MOTO_ACCOUNT_ID", "MOTO_ALLOW_NONEXISTENT_REGION")

# A shell that goes over to the sandbox must forget these: each would lead a client elsewhere.
UNSET: Final = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ENDPOINT_URL_ACM_PCA",
    "AWS_ENDPOINT_URL_IOT",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SERVICE_QUOTAS",
)


def prepare_moto() -> None:
    """Set moto's switches in this process; call it before the first import of moto."""
    os.environ.update(_MOTO)
    for name in _MOTO_UNWANTED:
        os.environ.pop(name, None)


def client_environment(
    endpoint_url: str, region: str, config_file: str, credentials_file: str
) -> dict[str, str]:
    """The AWS_* variables that point boto3, the aws CLI and Terraform at a sandbox.

    The two files are empty ones of the sandbox's own: a profile of the user's cannot leak in.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": config_file,
        "AWS_SHARED_CREDENTIALS_FILE": credentials_file,
    }
