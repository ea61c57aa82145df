"""What AWS IoT needs to provision a device: thing type, policy, template, and its endpoint."""

import base64
import json
import logging
from typing import Final

from birthcert.aws import iam
from birthcert.aws.access import DEVICE_PORT_HEADER, SERVER_CA_HEADER, AwsAccess
from birthcert.aws.registration import describe_registration
from birthcert.errors import AwsCallFailed, ResourceConflict, ResourceGone
from birthcert.jitp.requested import device_policy_document, provisioning_template_body
from birthcert.models import (
    BootstrapRequest,
    DevicePolicy,
    Endpoint,
    Place,
    ProvisioningRole,
    ProvisioningTemplate,
    Registration,
    ThingType,
)

log = logging.getLogger(__name__)
SERVICE: Final = "iot"


def ensure_thing_type(aws: AwsAccess, request: BootstrapRequest, place: Place) -> ThingType:
    """The thing type of the provisioned things; a deprecated one is a ResourceConflict."""
    name = request.thing_type
    if (found := find_thing_type(aws, name)) is not None:
        return found
    tags = [{"Key": key, "Value": value} for key, value in request.all_tags(place).items()]
    answer = aws.call(SERVICE, "CreateThingType", thingTypeName=name, tags=tags)
    log.info("created thing type %s", answer["thingTypeArn"])
    return ThingType(arn=answer["thingTypeArn"], name=name)


def find_thing_type(aws: AwsAccess, name: str) -> ThingType | None:
    """The thing type of this name; None where there is none."""
    try:
        answer = aws.call(SERVICE, "DescribeThingType", thingTypeName=name)
    except AwsCallFailed as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    if answer.get("thingTypeMetadata", {}).get("deprecated"):
        raise ResourceConflict(
            f"thing type {name} is deprecated: no thing can be made of it",
            remedy="undo that (aws iot deprecate-thing-type --undo-deprecate) "
            "or choose another name",
        )
    return ThingType(arn=answer["thingTypeArn"], name=name, outcome="found")


def ensure_device_policy(aws: AwsAccess, request: BootstrapRequest, place: Place) -> DevicePolicy:
    """The one policy that all devices share [29]; another document under its name is a conflict."""
    name, document = request.policy_name(), device_policy_document(request, place)
    if request.device_policy.kind == "recipe-wide" and request.device_policy.document is None:
        log.warning("policy %s lets every device act as every other: only for a lab", name)
    tags = [{"Key": key, "Value": value} for key, value in request.all_tags(place).items()]
    found = find_device_policy(aws, request, place)
    if found is not None:
        return found
    try:
        answer = aws.call(
            SERVICE, "CreatePolicy", policyName=name, policyDocument=document, tags=tags
        )
    except AwsCallFailed as error:
        found = find_device_policy(aws, request, place)
        if error.code != "ResourceAlreadyExistsException" or found is None:
            raise
        return found
    log.info("created policy %s", answer["policyArn"])
    return DevicePolicy(arn=answer["policyArn"], name=name, document=document)


def attach_provisioning_template(
    aws: AwsAccess,
    registration: Registration,
    role: ProvisioningRole,
    request: BootstrapRequest,
) -> ProvisioningTemplate:
    """The template and role set on the registration; IAM's delay alone is waited out [28]."""
    body = provisioning_template_body(request)
    wanted = {"templateBody": body, "roleArn": role.arn}
    config = describe_registration(aws, registration.certificate_id)["registrationConfig"]
    if wanted.items() <= config.items():
        return ProvisioningTemplate(arn=registration.arn, body=body, outcome="found")
    if config:
        log.warning("the template or role of %s differs: replacing it", registration.arn)
    aws.call(
        SERVICE,
        "UpdateCACertificate",
        certificateId=registration.certificate_id,
        registrationConfig=wanted,
    )
    log.info("attached the provisioning template to %s", registration.arn)
    return ProvisioningTemplate(arn=registration.arn, body=body)


def verify_named_resources(
    aws: AwsAccess, request: BootstrapRequest, place: Place, role: ProvisioningRole
) -> None:
    """What the template works with is there; a step that an earlier run finished did not look.

    ResourceGone where thing type, policy or role was deleted since; ResourceConflict where the
    policy says otherwise now.
    """
    found = {
        f"thing type {request.thing_type}": find_thing_type(aws, request.thing_type),
        f"policy {request.policy_name()}": find_device_policy(aws, request, place),
        f"role {role.name}": iam.find_role(aws, role.name),
    }
    if gone := [name for name, resource in found.items() if resource is None]:
        raise ResourceGone(
            f"{', '.join(gone)}: not there any more, and no device can be provisioned without",
            remedy="run bootstrap with --refresh: it makes again what is gone",
        )


def describe_endpoint(aws: AwsAccess) -> Endpoint:
    """Where devices connect: always iot:Data-ATS [31].

    A sandbox tells its port and server CA in headers: the API has no members for them.
    """
    answer = aws.call(SERVICE, "DescribeEndpoint", endpointType="iot:Data-ATS")
    endpoint = Endpoint(arn="", address=answer["endpointAddress"], outcome="found")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    if DEVICE_PORT_HEADER not in headers:
        return endpoint
    server_ca = base64.b64decode(headers[SERVER_CA_HEADER]).decode()
    return endpoint.model_copy(
        update={"port": int(headers[DEVICE_PORT_HEADER]), "server_ca": server_ca}
    )


def find_device_policy(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> DevicePolicy | None:
    """The policy of the request's name; None if absent, ResourceConflict if it says otherwise."""
    name, document = request.policy_name(), device_policy_document(request, place)
    try:
        answer = aws.call(SERVICE, "GetPolicy", policyName=name)
    except AwsCallFailed as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    if json.loads(answer["policyDocument"]) != json.loads(document):
        raise ResourceConflict(
            f"policy {name} is there with another document",
            remedy="devices may depend on it: choose another policy name, or change it yourself",
        )
    return DevicePolicy(
        arn=answer["policyArn"], name=name, document=answer["policyDocument"], outcome="found"
    )
