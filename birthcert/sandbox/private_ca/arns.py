"""ARNs of Private CA: read with suspicion, and made."""

import re
import uuid
from typing import Final

from birthcert.sandbox.errors import AwsError

_AUTHORITY: Final = re.compile(
    r"arn:(?P<partition>[\w-]+):acm-pca:(?P<region>[\w-]+):(?P<account>\d{12})"
    r":certificate-authority/(?P<id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)
_CERTIFICATE: Final = re.compile(
    rf"(?P<authority>{_AUTHORITY.pattern})/certificate/(?P<serial>[0-9a-f]{{32}})"
)


def new_authority_arn(partition: str, region: str, account: str) -> str:
    """The ARN of a certificate authority to be."""
    return f"arn:{partition}:acm-pca:{region}:{account}:certificate-authority/{uuid.uuid4()}"


def certificate_arn(authority_arn: str, serial_number: int) -> str:
    """A certificate's ARN: as in AWS its last part is the serial number, 32 hex digits."""
    return f"{authority_arn}/certificate/{serial_number:032x}"


def authority_id(arn: str) -> str:
    """The UUID at the end of an authority's ARN."""
    return arn.rpartition("/")[2]


def owner_of(arn: str) -> tuple[str, str]:
    """Account and region of an authority's ARN; InvalidArnException where it is none."""
    match = _AUTHORITY.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidArnException", f"{arn} is not a valid certificate authority ARN.")
    return match["account"], match["region"]


def serial_of_certificate(arn: str, authority_arn: str) -> int:
    """The serial number in a certificate's ARN.

    InvalidArnException where it is none, ResourceNotFoundException where it names another CA's.
    """
    match = _CERTIFICATE.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidArnException", f"{arn} is not a valid certificate ARN.")
    if match["authority"] != authority_arn:
        raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")
    return int(match["serial"], 16)
