"""Whether AWS IoT made of the canary what the template says [26]."""

from birthcert.aws.access import AwsAccess
from birthcert.aws.devices import (
    DeviceCertificate,
    find_device_certificate,
    find_thing,
    policies_of,
    things_of,
)
from birthcert.canary.airborne import CheckFailed
from birthcert.canary.bird import Bird
from birthcert.canary.checklist import Skipped


def prove_certificate(aws: AwsAccess, bird: Bird) -> str:
    """Its certificate is ACTIVE."""
    certificate = _certificate(aws, bird)
    if certificate.status != "ACTIVE":
        raise CheckFailed(
            f"the canary's certificate is {certificate.status}, not ACTIVE",
            remedy="look at the Status of the template's certificate",
        )
    return certificate.certificate_id


def prove_thing(aws: AwsAccess, bird: Bird) -> str:
    """Its thing is there, of the template's type, and attached to the certificate."""
    name, thing_type = bird.outcome.thing_name, bird.outcome.thing_type
    if not name:
        raise Skipped("the template makes no thing")
    thing = find_thing(aws, name)
    problem = None
    if thing is None:
        problem = f"thing {name} is not there"
    elif thing.thing_type != thing_type:
        problem = f"thing {name} has the type {thing.thing_type or 'none'}, not {thing_type}"
    elif name not in things_of(aws, _certificate(aws, bird).arn):
        problem = f"thing {name} is not attached to the canary's certificate"
    if problem:
        raise CheckFailed(
            problem, remedy="compare the registration's template: aws iot describe-ca-certificate"
        )
    return f"{name} of type {thing_type}" if thing_type else name


def prove_policies(aws: AwsAccess, bird: Bird) -> str:
    """The template's policies are on its certificate."""
    attached = policies_of(aws, _certificate(aws, bird).arn)
    missing = sorted(set(bird.outcome.policy_names) - set(attached))
    if missing or not attached:
        raise CheckFailed(
            f"the canary's certificate lacks the policy {', '.join(missing) or '(any)'}",
            remedy="compare the registration's template: aws iot describe-ca-certificate",
        )
    return ", ".join(attached)


def _certificate(aws: AwsAccess, bird: Bird) -> DeviceCertificate:
    found = find_device_certificate(aws, bird.identity.certificate_id)
    if found is None:
        raise CheckFailed("the canary's certificate is not in AWS IoT", remedy="fly another canary")
    return found
