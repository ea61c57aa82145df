"""Steps of just-in-time provisioning: thing type, policy, role, template, endpoint."""

from birthcert.aws import iam, provisioning
from birthcert.models import (
    BootstrapRequest,
    DevicePolicy,
    Endpoint,
    Place,
    ProvisioningRole,
    ProvisioningTemplate,
    Registration,
    ThingType,
    WhereRequest,
)
from tasks.access import aws_in
from tasks.steps import step


@step("create thing type")
def create_thing_type(request: BootstrapRequest, place: Place) -> ThingType:
    """The type of every provisioned thing."""
    return provisioning.ensure_thing_type(
        aws_in(place.region, request.account_block), request, place
    )


@step("create device policy")
def create_device_policy(request: BootstrapRequest, place: Place) -> DevicePolicy:
    """The one policy that all devices share."""
    return provisioning.ensure_device_policy(
        aws_in(place.region, request.account_block), request, place
    )


@step("create provisioning role")
def create_provisioning_role(
    request: BootstrapRequest, place: Place, regions: list[str]
) -> ProvisioningRole:
    """The role that AWS IoT provisions under, in all regions in which the run works."""
    return iam.ensure_provisioning_role(
        aws_in(place.region, request.account_block), request, place, regions
    )


@step("attach provisioning template")
def attach_provisioning_template(
    request: BootstrapRequest,
    place: Place,
    registration: Registration,
    role: ProvisioningRole,
    policy: DevicePolicy,
    thing_type: ThingType,
) -> ProvisioningTemplate:
    """The template on the registration; the policy and thing type it names are there by now."""
    return provisioning.attach_provisioning_template(
        aws_in(place.region, request.account_block), registration, role, request
    )


@step("describe endpoint", cached=False)
def describe_endpoint(request: WhereRequest, place: Place) -> Endpoint:
    """Where the devices connect."""
    return provisioning.describe_endpoint(aws_in(place.region, request.account_block))
