"""The IAM role that AWS IoT provisions devices under."""

import logging
from collections.abc import Collection
from typing import Any, Final

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, ResourceConflict
from birthcert.jitp import role as rules
from birthcert.models import BootstrapRequest, Place, ProvisioningRole

log = logging.getLogger(__name__)
SERVICE: Final = "iam"


def ensure_provisioning_role(
    aws: AwsAccess, request: BootstrapRequest, place: Place, regions: Collection[str] = ()
) -> ProvisioningRole:
    """The role, trusted by AWS IoT of this account and region alone, with its managed policy [27].

    `regions` are all in which the run works in this account, where it is more than the place's: a
    role is global, and steps of two regions at once would undo each other's trust.
    A role that serves another region already is extended by this one; one that AWS IoT may not
    assume at all is a ResourceConflict: it belongs to someone else.
    """
    name = request.role_name
    role = find_role(aws, name)
    regions = sorted({place.region, *regions})
    created = role is None and _create_role(aws, request, place, regions)
    if role is None:
        role = find_role(aws, name) or {}
    if not created:
        _trust_regions(aws, role, place, regions)
    _attach_managed_policy(aws, name, place)
    made = ProvisioningRole(arn=role["Arn"], name=name)
    return made if created else made.found()


def find_role(aws: AwsAccess, name: str) -> dict[str, Any] | None:
    """GetRole's answer; None where there is no such role."""
    try:
        role: dict[str, Any] = aws.call(SERVICE, "GetRole", RoleName=name)["Role"]
    except AwsCallFailed as error:
        if error.code == "NoSuchEntity":
            return None
        raise
    return role


def _create_role(
    aws: AwsAccess, request: BootstrapRequest, place: Place, regions: list[str]
) -> bool:
    trust = rules.trust_policy(place.partition, place.account, regions)
    tags = [{"Key": key, "Value": value} for key, value in request.all_tags(place).items()]
    try:
        answer = aws.call(
            SERVICE,
            "CreateRole",
            RoleName=request.role_name,
            AssumeRolePolicyDocument=trust,
            Description="AWS IoT provisions devices under this role (just-in-time provisioning)",
            Tags=tags,
        )
    except AwsCallFailed as error:
        if error.code != "EntityAlreadyExists":
            raise
        return False
    log.info("created role %s", answer["Role"]["Arn"])
    return True


def _trust_regions(aws: AwsAccess, role: dict[str, Any], place: Place, regions: list[str]) -> None:
    trust = role["AssumeRolePolicyDocument"]
    for weakness in rules.trust_weaknesses(trust):
        log.warning("role %s: %s", role["Arn"], weakness)
    places = [
        {"partition": place.partition, "account": place.account, "region": region}
        for region in regions
    ]
    problems = [each for where in places for each in rules.trust_problems(trust, **where)]
    if not problems:
        return
    extended = trust
    for where in places:
        extended = rules.extend_trust(extended, **where)
    unmet = any(rules.trust_problems(extended, **where) for where in places)
    if not rules.trusts_iot(trust) or unmet:
        raise ResourceConflict(
            f"role {role['Arn']} cannot be assumed by AWS IoT here: {'; '.join(problems)}",
            remedy="choose another role name, or correct the role's trust policy",
        )
    aws.call(
        SERVICE,
        "UpdateAssumeRolePolicy",
        RoleName=role["RoleName"],
        PolicyDocument=extended,
    )
    log.warning("role %s now trusts AWS IoT in %s", role["Arn"], ", ".join(regions))


def _attach_managed_policy(aws: AwsAccess, name: str, place: Place) -> None:
    wanted = rules.managed_policy_arn(place.partition)
    attached = aws.pages(SERVICE, "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    if wanted not in {policy["PolicyArn"] for policy in attached}:
        aws.call(SERVICE, "AttachRolePolicy", RoleName=name, PolicyArn=wanted)
        log.info("attached %s to role %s", wanted, name)
