"""A device taken out of AWS IoT and revoked in Private CA, in the only order that works [32]."""

import logging
from typing import Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.devices import (
    DeviceCertificate,
    certificates_of,
    find_device_certificate,
    find_thing,
    policies_of,
    things_of,
)
from birthcert.aws.retries import Patience
from birthcert.errors import AwsCallFailed

log = logging.getLogger(__name__)
SERVICE: Final = "iot"
# a detachment takes effect late
STILL_ATTACHED: Final = (
    Patience("DeleteConflictException", 60),
    Patience("InvalidRequestException", 60, "attached"),
)


def remove_device(aws: AwsAccess, certificate_id: str, thing_name: str) -> None:
    """Take a device's certificate and thing away; what is gone already is passed over.

    Certificate INACTIVE, policies and things detached, certificate deleted, thing deleted. A
    thing that other certificates hang on stays.
    """
    certificate = find_device_certificate(aws, certificate_id)
    if certificate is not None:
        _remove_certificate(aws, certificate)
    if find_thing(aws, thing_name) is None:
        return
    own = certificate.arn if certificate else ""
    others = [arn for arn in certificates_of(aws, thing_name) if arn != own]
    if others:
        log.warning("thing %s stays: %s hangs on it", thing_name, ", ".join(others))
        return
    aws.call(SERVICE, "DeleteThing", thingName=thing_name, also=STILL_ATTACHED)


def _remove_certificate(aws: AwsAccess, certificate: DeviceCertificate) -> None:
    identity, arn = certificate.certificate_id, certificate.arn
    if certificate.status not in ("INACTIVE", "REVOKED"):
        aws.call(SERVICE, "UpdateCertificate", certificateId=identity, newStatus="INACTIVE")
    for policy in policies_of(aws, arn):
        aws.call(SERVICE, "DetachPolicy", policyName=policy, target=arn)
    for thing in things_of(aws, arn):
        aws.call(SERVICE, "DetachThingPrincipal", thingName=thing, principal=arn)
    aws.call(SERVICE, "DeleteCertificate", certificateId=identity, also=STILL_ATTACHED)


def revoke(aws: AwsAccess, authority_arn: str, serial_number: str) -> None:
    """Revoke a certificate in Private CA; one that is revoked already is as good [13]."""
    try:
        aws.call(
            "acm-pca",
            "RevokeCertificate",
            CertificateAuthorityArn=authority_arn,
            CertificateSerial=serial_number,
            RevocationReason="CESSATION_OF_OPERATION",
        )
    except AwsCallFailed as error:
        if error.code != "RequestAlreadyProcessedException":
            raise
