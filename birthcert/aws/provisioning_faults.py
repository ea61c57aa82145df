"""Why a certificate is still PENDING_ACTIVATION: what in template or role made provisioning fail.

AWS IoT gives no reason to anyone but its logs. The template runs once, at the first connection.
"""

import re
from collections.abc import Callable
from typing import Final

from cryptography import x509

from birthcert import limits
from birthcert.aws.access import AwsAccess
from birthcert.aws.devices import DeviceCertificate, find_thing, policy_document
from birthcert.aws.iam import find_role
from birthcert.aws.provisioning import find_thing_type
from birthcert.aws.registration import describe_registration
from birthcert.errors import AwsCallFailed, BirthcertError
from birthcert.jitp.outcome import Outcome, expected_outcome
from birthcert.jitp.parameters import missing_parameters
from birthcert.jitp.role import managed_policy_arn, trust_problems
from birthcert.models import Finding, Place

# [mem] that AWS IoT does not run the template a second time for a certificate it knows
ONCE_MORE: Final = (
    "then have the device register anew: aws iot update-certificate --certificate-id {id} "
    "--new-status INACTIVE && aws iot delete-certificate --certificate-id {id} --force-delete"
)


def provisioning_faults(
    aws: AwsAccess, place: Place, leaf: x509.Certificate, certificate: DeviceCertificate
) -> list[Finding]:
    """What made the template fail for this certificate; one indefinite finding if nothing shows.

    Looks at the registration's template and role, and at what the template names [26, 27].
    """
    what = "the device's certificate is still PENDING_ACTIVATION"
    found = _looked(lambda: _faults(aws, place, leaf, certificate))
    again = ONCE_MORE.format(id=certificate.certificate_id)
    if found:
        return [
            each.model_copy(
                update={"what": f"{what}: {each.what}", "remedy": f"{each.remedy}, {again}"}
            )
            for each in found
        ]
    remedy = f"wait if it connected only now; else read AWS IoT's logs in CloudWatch, {again}"
    return [Finding(what=f"{what}, and no reason shows", remedy=remedy, is_definite=False)]


def _faults(
    aws: AwsAccess, place: Place, leaf: x509.Certificate, certificate: DeviceCertificate
) -> list[Finding]:
    config = describe_registration(aws, certificate.ca_certificate_id)["registrationConfig"]
    body, role_arn = config.get("templateBody", ""), config.get("roleArn", "")
    if not body:
        what = "its CA's registration has no provisioning template"
        return [Finding(what=what, remedy="run birthcert bootstrap for the tenant")]
    found = _looked(lambda: _role_faults(aws, place, role_arn))
    missing = missing_parameters(body, leaf.subject)
    if missing:
        what = (
            f"the template declares {', '.join(missing)}, which the certificate's subject "
            f"({leaf.subject.rfc4514_string()}) does not have"
        )
        remedy = "issue the device a certificate that has them, or take them out of the template"
        return [*found, Finding(what=what, remedy=remedy)]
    outcome = expected_outcome(body, leaf.subject, certificate.certificate_id)
    return [*found, *_looked(lambda: _outcome_faults(aws, outcome))]


def _role_faults(aws: AwsAccess, place: Place, role_arn: str) -> list[Finding]:
    name = role_arn.rpartition("/")[2]
    remedy = "run birthcert bootstrap --refresh for the tenant"
    role = find_role(aws, name)
    if role is None:
        return [Finding(what=f"the role {role_arn} does not exist", remedy=remedy)]
    where = {"partition": place.partition, "account": place.account, "region": place.region}
    problems = trust_problems(role["AssumeRolePolicyDocument"], **where)
    wanted = managed_policy_arn(place.partition)
    attached = aws.pages("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    found = [Finding(what=f"role {name}: {problem}", remedy=remedy) for problem in problems]
    if wanted not in {policy["PolicyArn"] for policy in attached}:
        # a role of one's own may allow the same by other policies
        own = aws.pages("iam", "ListRolePolicies", "PolicyNames", RoleName=name)
        what = f"role {name}: {wanted} is not attached"
        found.append(Finding(what=what, remedy=remedy, is_definite=not attached and not own))
    return found


def _outcome_faults(aws: AwsAccess, outcome: Outcome) -> list[Finding]:
    found = [_thing_fault(aws, outcome), _thing_type_fault(aws, outcome.thing_type)]
    found += [_policy_fault(aws, name) for name in outcome.policy_names]
    return [each for each in found if each is not None]


def _thing_fault(aws: AwsAccess, outcome: Outcome) -> Finding | None:
    name = outcome.thing_name
    if not name:
        return None
    if not re.fullmatch(limits.THING_NAME_PATTERN, name):
        what = f"the template's thing name {name!r} is not one that AWS IoT takes"
        return Finding(what=what, remedy="name the device with letters, digits, : _ and - alone")
    if outcome.overrides_fail and find_thing(aws, name) is not None:
        what = f"thing {name} is there already, and the template's OverrideSettings say FAIL"
        return Finding(what=what, remedy="delete that thing, or let the template replace it")
    return None


def _thing_type_fault(aws: AwsAccess, name: str) -> Finding | None:
    remedy = f"make it: aws iot create-thing-type --thing-type-name {name}"
    try:
        found = find_thing_type(aws, name) if name else None
    except AwsCallFailed:
        raise
    except BirthcertError as error:  # deprecated
        return Finding(what=error.what, remedy=error.remedy)
    if name and found is None:
        return Finding(what=f"the template's thing type {name} does not exist", remedy=remedy)
    return None


def _policy_fault(aws: AwsAccess, name: str) -> Finding | None:
    if policy_document(aws, name) is not None:
        return None
    what = f"the template's policy {name} does not exist"
    return Finding(what=what, remedy="run birthcert bootstrap --refresh for the tenant")


def _looked(look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except BirthcertError as error:
        what = f"the reason cannot be looked up: {error.what}"
        return [Finding(what=what, remedy=error.remedy, is_definite=False)]
