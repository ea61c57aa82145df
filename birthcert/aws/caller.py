"""Who we are and where we act: checked before anything is touched."""

import logging
from functools import cache
from typing import get_args

import botocore.session

from birthcert.aws.access import SANDBOX_HEADER, AwsAccess, usable_configuration
from birthcert.errors import AwsCallFailed, AwsUnreachable, ConfigurationError, WrongAccount
from birthcert.models import Caller, Partition, Place, WhereRequest

log = logging.getLogger(__name__)


@cache
def partition_of(region: str) -> Partition:
    """The partition of a region; ConfigurationError where AWS has no such region."""
    session = botocore.session.get_session()
    with usable_configuration():
        for partition in get_args(Partition):
            if region in session.get_available_regions("ec2", partition):
                return partition  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"AWS has no region {region!r} (as far as this botocore knows)",
        remedy="choose a region such as eu-west-1, or update boto3",
        region=region,
    )


def default_region() -> str | None:
    """The region of the environment or profile, as the standard chain has it.

    ConfigurationError where the profile is not there or its file is damaged.
    """
    with usable_configuration():
        region: str | None = botocore.session.get_session().get_config_variable("region")
    return region


def resolve_region(request: WhereRequest) -> str:
    """The request's region, or the credentials' own; it must belong to the request's partition."""
    region = request.region or default_region()
    if not region:
        raise ConfigurationError(
            "no region", remedy="give one (--region eu-west-1) or set AWS_REGION"
        )
    if (actual := partition_of(region)) != request.partition:
        raise ConfigurationError(
            f"region {region} belongs to partition {actual}, not to {request.partition}",
            remedy=f"give the partition {actual}",
        )
    return region


def check_caller(aws: AwsAccess, request: WhereRequest) -> Caller:
    """STS GetCallerIdentity: the account must be the one asked for.

    Raises WrongAccount, or ConfigurationError where AWS cannot be reached or knows no such key:
    in each case nothing was touched.
    """
    try:
        answer = aws.call("sts", "GetCallerIdentity")
    except (AwsCallFailed, AwsUnreachable) as error:
        raise ConfigurationError(error.what, remedy=error.remedy) from error
    arn, account = answer["Arn"], answer["Account"]
    if request.account and account != request.account:
        raise WrongAccount(asked=request.account, caller=account, arn=arn)
    partition = arn.split(":")[1]
    if partition != request.partition:
        raise ConfigurationError(
            f"the credentials belong to partition {partition}, not to {request.partition}",
            remedy="choose the profile of the partition you want",
        )
    sandbox = answer["ResponseMetadata"]["HTTPHeaders"].get(SANDBOX_HEADER)
    if sandbox:
        log.warning("this is the local sandbox %s, not AWS: nothing here is trusted", sandbox)
    place = Place(partition=request.partition, account=account, region=aws.region, sandbox=sandbox)
    return Caller(arn=arn, user_id=answer["UserId"], place=place)
