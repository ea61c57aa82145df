"""What AWS IoT knows of one device: its certificate, thing and policies. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed

SERVICE: Final = "iot"


@dataclass(frozen=True)
class DeviceCertificate:
    """A device certificate as AWS IoT has it; `ca_certificate_id` is empty without one."""

    certificate_id: str
    arn: str
    status: str
    ca_certificate_id: str


@dataclass(frozen=True)
class Thing:
    """A thing as AWS IoT has it; `thing_type` is empty without one."""

    name: str
    thing_type: str
    attributes: Mapping[str, str]


def find_device_certificate(aws: AwsAccess, certificate_id: str) -> DeviceCertificate | None:
    """The certificate of this id (SHA-256 of its DER); None where AWS IoT has never seen it."""
    answer = _found(aws, "DescribeCertificate", certificateId=certificate_id)
    if answer is None:
        return None
    facts = answer["certificateDescription"]
    return DeviceCertificate(
        certificate_id, facts["certificateArn"], facts["status"], facts.get("caCertificateId") or ""
    )


def find_thing(aws: AwsAccess, name: str) -> Thing | None:
    """The thing of this name; None where there is none."""
    answer = _found(aws, "DescribeThing", thingName=name)
    if answer is None:
        return None
    return Thing(name, answer.get("thingTypeName") or "", answer.get("attributes") or {})


def things_of(aws: AwsAccess, certificate_arn: str) -> list[str]:
    """The names of the things attached to a certificate."""
    return aws.pages(SERVICE, "ListPrincipalThings", "things", principal=certificate_arn)


def certificates_of(aws: AwsAccess, thing_name: str) -> list[str]:
    """The ARNs of the certificates attached to a thing."""
    return aws.pages(SERVICE, "ListThingPrincipals", "principals", thingName=thing_name)


def policies_of(aws: AwsAccess, certificate_arn: str) -> list[str]:
    """The names of the policies attached to a certificate."""
    policies = aws.pages(SERVICE, "ListAttachedPolicies", "policies", target=certificate_arn)
    return [policy["policyName"] for policy in policies]


def policy_document(aws: AwsAccess, name: str) -> str | None:
    """A policy's document in force (JSON); None where there is no such policy."""
    answer = _found(aws, "GetPolicy", policyName=name)
    return None if answer is None else str(answer["policyDocument"])


def _found(aws: AwsAccess, action: str, **parameters: Any) -> dict[str, Any] | None:
    try:
        return aws.call(SERVICE, action, **parameters)
    except AwsCallFailed as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
