"""The registrationConfig of a CA certificate: template and role, as AWS IoT checks them [26-28]."""

from collections.abc import Callable
from typing import Final

from birthcert import limits
from birthcert.jitp.role import managed_policy_arn, trust_problems
from birthcert.jitp.template import template_problems
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.answers import ROLE_NOT_ASSUMABLE, invalid_request, not_found
from birthcert.sandbox.iot.names import check_template_name
from birthcert.sandbox.iot.place import Params, Place, optional_text
from birthcert.sandbox.iot.role import Role, refused_actions

FindRole = Callable[[str], Role | None]
ROLE_ARN_MIN_LENGTH: Final = 20  # [21]


class ProvisioningRoles:
    """Roles that AWS IoT may be told to provision with, in one place."""

    def __init__(self, place: Place, find_role: FindRole) -> None:
        self._place = place
        self._find_role = find_role
        self._refusing_since: tuple[int, float] = (-1, 0.0)

    def assume(self, role_arn: str) -> Role:
        """The role; InvalidRequestException with rule 28's sentence and the reason after it."""
        role = self._find_role(role_arn)
        problem = self._problem(role_arn, role)
        if role is None or problem:
            raise AwsError("InvalidRequestException", f"{ROLE_NOT_ASSUMABLE}: {problem}")
        return role

    def may_provision(self, role_arn: str) -> list[str]:
        """What keeps the role from provisioning, as sentences; it must be there."""
        role = self._find_role(role_arn)
        if role is None:
            return [f"there is no role {role_arn}"]
        refused = refused_actions(role)
        if not refused:
            return []
        remedy = f"attach {managed_policy_arn(self._place.partition)}"
        return [f"role {role_arn} may not {', '.join(refused)}: {remedy}"]

    def _problem(self, role_arn: str, role: Role | None) -> str:
        if role is None:
            return f"there is no role {role_arn}"
        if role_arn.split(":")[4] != self._place.account:
            return f"{role_arn} belongs to another account than {self._place.account}"
        if self._is_too_young(role):
            return f"the trust policy of {role_arn} has not reached every part of IAM yet"
        place = self._place
        problems = trust_problems(
            role.trust, partition=place.partition, account=place.account, region=place.region
        )
        return "; ".join(problems)

    def _is_too_young(self, role: Role) -> bool:
        state = self._place.state
        now, knobs = state.clock(), state.knobs.now
        if now - role.trust_changed_at < knobs.iam_delay_seconds:
            return True
        if knobs.role_not_assumable_seconds <= 0:
            return False
        # counted from the first attempt after the knob was set
        if self._refusing_since[0] != state.knobs.generation:
            self._refusing_since = (state.knobs.generation, now)
        return now - self._refusing_since[1] < knobs.role_not_assumable_seconds


def checked_config(config: Params | None, roles: ProvisioningRoles) -> dict[str, str] | None:
    """A registrationConfig that AWS would take; InvalidRequestException otherwise [26-28].

    [inf] Both `templateBody` and `roleArn` are needed where no `templateName` is given.
    """
    if config is None:
        return None
    name = optional_text(config, "templateName")
    if name is not None:
        check_template_name(name)
        raise not_found(f"The provisioning template {name} does not exist")
    body, role_arn = optional_text(config, "templateBody"), optional_text(config, "roleArn")
    if not body or not role_arn:
        raise invalid_request("registrationConfig needs both templateBody and roleArn")
    _check_body(body)
    _check_role(role_arn, roles)
    return {"templateBody": body, "roleArn": role_arn}


def _check_body(body: str) -> None:
    if len(body) > limits.TEMPLATE_BODY_MAX_LENGTH:
        raise invalid_request(
            f"templateBody has {len(body)} characters; "
            f"at most {limits.TEMPLATE_BODY_MAX_LENGTH} are allowed"
        )
    problems = template_problems(body)
    if problems:
        raise invalid_request(f"The template is invalid: {'; '.join(problems)}")


def _check_role(role_arn: str, roles: ProvisioningRoles) -> None:
    if not ROLE_ARN_MIN_LENGTH <= len(role_arn) <= limits.ROLE_ARN_MAX_LENGTH:
        raise invalid_request(
            f"roleArn must have {ROLE_ARN_MIN_LENGTH} to {limits.ROLE_ARN_MAX_LENGTH} characters"
        )
    try:
        roles.assume(role_arn)
    except AwsError as error:
        # AWS does not say why
        raise invalid_request(ROLE_NOT_ASSUMABLE) from error
