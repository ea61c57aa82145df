"""Why AWS IoT does not take a device, which it does not tell the device itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509

from birthcert.aws.access import AwsAccess
from birthcert.aws.devices import certificates_of, find_device_certificate
from birthcert.aws.permissions import Action, Permissions, permissions_of
from birthcert.aws.provisioning_faults import provisioning_faults
from birthcert.aws.registration import describe_registration
from birthcert.errors import AwsCallFailed, ResourceGone
from birthcert.models import Finding, Place
from birthcert.pki.certificates import certificate_id

UNREGISTERED: Final = "UNREGISTERED"
_STATUS_REMEDY: Final = {
    "INACTIVE": "set it ACTIVE: aws iot update-certificate --new-status ACTIVE --certificate-id {}",
    "REVOKED": "that cannot be undone: issue the device a new certificate for a new key",
    "PENDING_TRANSFER": "accept or cancel the transfer of certificate {}",
}


@dataclass(frozen=True)
class Device:
    """The device that is looked into; `issuer` is the CA certificate right above its own."""

    leaf: x509.Certificate
    issuer: x509.Certificate
    client_id: str


@dataclass(frozen=True)
class Diagnosis:
    """The certificate's status in AWS IoT (UNREGISTERED: never seen), and what is wrong."""

    status: str
    findings: list[Finding]

    @property
    def is_definite(self) -> bool:
        """Whether no further try can succeed until someone mends something."""
        return any(finding.is_definite for finding in self.findings)


def diagnose(
    aws: AwsAccess, place: Place, device: Device, *, act: Action = "Connect", name: str = ""
) -> Diagnosis:
    """What keeps the device from an act: `Connect`, or the named topic or topic filter.

    Asks AWS IoT and IAM with the operator's credentials; what they may not read is a finding
    that is not definite. Raises AwsUnreachable [25-29].
    """
    identity = certificate_id(device.leaf)
    try:
        certificate = find_device_certificate(aws, identity)
    except AwsCallFailed as error:
        return Diagnosis("", [_not_seen(error)])
    if certificate is None:
        return Diagnosis(UNREGISTERED, _looked(lambda: _registration_faults(aws, place, device)))
    if certificate.status == "PENDING_ACTIVATION":
        found = provisioning_faults(aws, place, device.leaf, certificate)
    elif certificate.status != "ACTIVE":
        remedy = _STATUS_REMEDY.get(certificate.status, "look at certificate {} in AWS IoT")
        what = f"the device's certificate is {certificate.status} in AWS IoT"
        found = [Finding(what=what, remedy=remedy.format(identity))]
    else:
        arn = certificate.arn
        found = _looked(lambda: _policy_faults(aws, place, arn, device, act, name))
    return Diagnosis(certificate.status, found)


def _registration_faults(aws: AwsAccess, place: Place, device: Device) -> list[Finding]:
    """AWS IoT has never seen the certificate: can it be registered at all?"""
    ca_id, ca_name = certificate_id(device.issuer), device.issuer.subject.rfc4514_string()
    try:
        description = describe_registration(aws, ca_id)
    except ResourceGone:
        return [
            Finding(
                what=f"the CA that signed the certificate ({ca_name}) is not registered with AWS "
                f"IoT in {place.name}",
                remedy="check account and region, or run birthcert bootstrap for the tenant",
            )
        ]
    update = f"aws iot update-ca-certificate --certificate-id {ca_id}"
    found = []
    if description["status"] != "ACTIVE":
        what = f"the CA certificate ({ca_name}) is {description['status']}: no new device registers"
        found.append(Finding(what=what, remedy=f"set it ACTIVE: {update} --new-status ACTIVE"))
    if description["autoRegistrationStatus"] != "ENABLE":
        what = f"auto-registration of the CA certificate ({ca_name}) is off"
        remedy = f"turn it on: {update} --new-auto-registration-status ENABLE"
        found.append(Finding(what=what, remedy=remedy))
    return found or [_never_arrived()]


def _policy_faults(
    aws: AwsAccess,
    place: Place,
    certificate_arn: str,
    device: Device,
    act: Action,
    name: str,
) -> list[Finding]:
    permissions = permissions_of(aws, place, certificate_arn, device.leaf, device.client_id)
    if not permissions.policy_names:
        what = "no policy is attached to the device's certificate"
        remedy = f"attach one: aws iot attach-policy --target {certificate_arn} --policy-name NAME"
        return [Finding(what=what, remedy=remedy)]
    if not permissions.allow("Connect", device.client_id):
        return [_connect_fault(aws, permissions, device.client_id)]
    if act != "Connect" and not permissions.allow(act, name):
        what = f"{_policies(permissions)} not allow iot:{act} on {name}"
        remedy = "choose a topic that it allows (by default TENANT/THING/...), or change the policy"
        return [Finding(what=what, remedy=remedy)]
    return []


def _connect_fault(aws: AwsAccess, permissions: Permissions, client_id: str) -> Finding:
    attached = ", ".join(permissions.attached_things)
    use = f"use the name of the certificate's own thing (--thing-name): {attached}"
    if not permissions.thing_exists:
        return Finding(
            what=f"there is no thing {client_id}, and the client id must be the thing's name",
            remedy=use if attached else "let the provisioning template make a thing",
        )
    if client_id not in permissions.attached_things:
        others = certificates_of(aws, client_id)
        where = f"but to {', '.join(others)}" if others else "nor to any other"
        return Finding(
            what=f"thing {client_id} is not attached to this certificate, {where}",
            remedy=use if attached else "attach it: aws iot attach-thing-principal",
        )
    return Finding(
        what=f"{_policies(permissions)} not allow iot:Connect as client id {client_id}",
        remedy="change the policy: it must allow iot:Connect on client/THING",
    )


def _policies(permissions: Permissions) -> str:
    names = ", ".join(permissions.policy_names)
    return f"policy {names} does" if len(permissions.policy_names) == 1 else f"policies {names} do"


def _never_arrived() -> Finding:
    return Finding(
        what="AWS IoT has not registered the certificate, and its CA is ready to: the connection "
        "does not get as far as MQTT's CONNECT with a server name (SNI)",
        remedy="check the endpoint's name, and what stands between here and there",
        is_definite=False,
    )


def _looked(look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except AwsCallFailed as error:
        return [_not_seen(error)]


def _not_seen(error: AwsCallFailed, **_: Any) -> Finding:
    what = f"the reason cannot be looked up: {error.what}"
    return Finding(what=what, remedy=error.remedy, is_definite=False)
