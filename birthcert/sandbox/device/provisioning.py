"""Just-in-time provisioning: a device certificate seen for the first time becomes a thing.

aws-semantics rules 25 and 26. The certificate stays PENDING_ACTIVATION where the template fails,
and the reason is kept: AWS gives none, the sandbox does.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from birthcert import limits
from birthcert.jitp.parameters import missing_parameters, parameter_values, resolve
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.certificates import DeviceCertificate
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.things import Thing

Properties = Mapping[str, Any]


class ProvisioningFailed(Exception):
    """The template did not take; `str()` is the reason."""


@dataclass(frozen=True)
class Resource:
    """One resource of the template, its values filled in."""

    properties: Properties
    override: Mapping[str, str]


def provision(
    registry: IotRegistry,
    certificate: DeviceCertificate,
    leaf: x509.Certificate,
    registration_config: Mapping[str, Any],
) -> None:
    """Run the CA's template for `certificate` and set it ACTIVE.

    Raises ProvisioningFailed; the certificate is then as it was.
    """
    role_arn = str(registration_config["roleArn"])
    try:
        registry.assume_provisioning_role(role_arn)
        problems = registry.role_may_provision(role_arn)
        if problems:
            raise ProvisioningFailed("; ".join(problems))
        resources = resolved(str(registration_config["templateBody"]), leaf, certificate)
        _make(registry, certificate, resources)
    except AwsError as error:
        raise ProvisioningFailed(str(error)) from error


def resolved(
    template_body: str, leaf: x509.Certificate, certificate: DeviceCertificate
) -> dict[str, list[Resource]]:
    """The template's resources by type, filled in from the certificate's subject.

    Raises ProvisioningFailed.
    """
    missing = missing_parameters(template_body, leaf.subject)
    if missing:
        raise ProvisioningFailed(
            f"the template declares {', '.join(missing)}, "
            f"which the certificate's subject ({leaf.subject.rfc4514_string()}) does not have"
        )
    values = parameter_values(leaf.subject, certificate.certificate_id)
    resources: dict[str, list[Resource]] = {}
    for resource in json.loads(template_body)["Resources"].values():
        filled = _filled(resource.get("Properties", {}), values)
        overrides = resource.get("OverrideSettings") or {}
        resources.setdefault(resource["Type"], []).append(Resource(filled, overrides))
    return resources


def _filled(properties: Properties, values: dict[str, str]) -> Properties:
    try:
        return dict(resolve(properties, values))
    except KeyError as error:
        raise ProvisioningFailed(
            f"the template refers to {error}, which nothing declares"
        ) from error


def _make(
    registry: IotRegistry,
    certificate: DeviceCertificate,
    resources: Mapping[str, list[Resource]],
) -> None:
    things = [_thing(registry, thing) for thing in resources.get("AWS::IoT::Thing", [])]
    policies = [_policy(registry, policy) for policy in resources.get("AWS::IoT::Policy", [])]
    for policy_name in policies:
        registry.attach_policy(policy_name, certificate.arn)
    for thing_name in things:
        registry.attach_thing(thing_name, certificate.arn)
    for resource in resources.get("AWS::IoT::Certificate", []):
        status = str(resource.properties.get("Status", "ACTIVE"))
        registry.set_certificate_status(certificate.certificate_id, status)


def _thing(registry: IotRegistry, resource: Resource) -> str:
    name = str(resource.properties.get("ThingName", ""))
    if not re.fullmatch(limits.THING_NAME_PATTERN, name):
        raise ProvisioningFailed(f"{name!r} is no thing name ({limits.THING_NAME_PATTERN})")
    unsupported = {"ThingGroups", "BillingGroup"} & resource.properties.keys()
    if unsupported:
        raise ProvisioningFailed(f"the sandbox has no {' and no '.join(sorted(unsupported))}")
    thing_type = resource.properties.get("ThingTypeName")
    if thing_type is not None and not registry.thing_type_exists(thing_type):
        raise ProvisioningFailed(f"the thing type {thing_type!r} does not exist")
    attributes = dict(resource.properties.get("AttributePayload", {}))
    thing = registry.thing(name)
    if thing is None:
        registry.create_thing(name, thing_type, attributes)
    else:
        _override(registry, thing, thing_type, attributes, resource.override)
    return name


def _override(
    registry: IotRegistry,
    thing: Thing,
    thing_type: str | None,
    attributes: dict[str, str],
    settings: Mapping[str, str],
) -> None:
    new_type = thing_type is not None and _replaces(settings, "ThingTypeName", thing.name)
    new_attributes = bool(attributes) and _replaces(settings, "AttributePayload", thing.name)
    if new_type or new_attributes:
        registry.update_thing(
            thing.name,
            thing_type=thing_type if new_type else thing.thing_type,
            attributes=attributes if new_attributes else None,
            merge=settings.get("AttributePayload") == "MERGE",
        )


def _replaces(settings: Mapping[str, str], key: str, name: str) -> bool:
    setting = settings.get(key, "DO_NOTHING")
    if setting == "FAIL":
        raise ProvisioningFailed(f"the thing {name!r} exists, and OverrideSettings say FAIL")
    return setting != "DO_NOTHING"


def _policy(registry: IotRegistry, resource: Resource) -> str:
    properties = resource.properties
    if "PolicyName" in properties:
        name = str(properties["PolicyName"])
        if registry.policy_document(name) is None:
            raise ProvisioningFailed(f"the policy {name!r} does not exist")
        return name
    document = properties["PolicyDocument"]
    # AWS names such a policy by a hash of its document
    name = hashlib.sha256(document.encode()).hexdigest()
    if registry.policy_document(name) is None:
        registry.create_policy(name, document)
    return name
