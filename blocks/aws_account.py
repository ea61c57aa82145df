"""AWS Account: with which credentials a tenant's runs work, chosen in Prefect's UI."""

from typing import Annotated, Any, cast

from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL
from pydantic import Field, SecretStr

from birthcert.aws.access import AwsAccess
from birthcert.aws.session import AwsSession, assumed_session, plain_session
from birthcert.errors import ConfigurationError


class AwsAccount(Block):
    """The credentials of one AWS account: this machine's own or a block's, and a role to assume."""

    _block_type_name = "AWS Account"
    _block_type_slug = "birthcert-aws-account"
    _description = (
        "Access to one AWS account for birthcert. Name it in a run's form as the account block. "
        "An assumed role's credentials refresh themselves, so a batch may last longer than an hour."
    )
    _code_example = (
        "```python\n"
        "from blocks.aws_account import AwsAccount\n\n"
        'client = AwsAccount.load("acme").get_client("acm-pca")\n'
        "```"
    )

    region: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]+)+-\d$")] = Field(
        title="Region", description="Where runs act that name no region, such as eu-west-1."
    )
    role_arn: Annotated[str, Field(pattern=r"^(arn:aws[a-z-]*:iam::\d{12}:role/.+)?$")] = Field(
        default="",
        title="Role to assume",
        description="ARN of the role in the account. Empty: work as the base credentials.",
    )
    external_id: SecretStr | None = Field(
        default=None,
        title="External ID",
        description="What the role's trust policy asks for as sts:ExternalId, if it does.",
    )
    session_tags: dict[str, str] = Field(
        default_factory=dict,
        title="Session tags",
        description="Tags of the assumed session, such as birthcert:tenant, for policies with "
        "aws:PrincipalTag. The trust policy must allow sts:TagSession.",
    )
    session_seconds: Annotated[int, Field(ge=900, le=43_200)] = Field(
        default=3_600,
        title="Session duration",
        description="Seconds until the assumed credentials are renewed; the role's own maximum "
        "bounds it, and one hour does where a role assumes a role.",
    )
    base_credentials: Annotated[str, Field(pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?$")] = Field(
        default="",
        title="Base credentials",
        description="A block with the credentials that may assume the role, as TYPE/NAME, such as "
        "aws-credentials/ops of prefect-aws. Empty: the machine's own (profile, SSO, instance).",
    )

    def get_session(self, region: str = "") -> AwsSession:
        """A boto3 session in the region, by default the block's; asks AWS nothing yet."""
        region = region or self.region
        base = _base_session(self.base_credentials) if self.base_credentials else None
        if not self.role_arn:
            return base or plain_session(region)
        return assumed_session(
            self.role_arn,
            region=region,
            base=base,
            external_id=self.external_id.get_secret_value() if self.external_id else None,
            session_tags=self.session_tags,
            duration_seconds=self.session_seconds,
        )

    def get_client(self, service: str) -> Any:
        """A boto3 client of a service in the block's region."""
        return self.get_session().client(cast("Any", service), region_name=self.region)

    def get_access(self, region: str = "", **options: Any) -> AwsAccess:
        """birthcert's own way to AWS in the region; `options` are those of `AwsAccess`."""
        return AwsAccess(region or self.region, session=self.get_session(region), **options)


def load_account(name: str) -> AwsAccount:
    """The AWS Account block of this name; ConfigurationError where Prefect has none."""
    if not PREFECT_API_URL.value():
        raise ConfigurationError(
            f"AWS Account block {name!r}: blocks are kept on a Prefect server, and none is set",
            remedy="set PREFECT_API_URL",
        )
    try:
        return cast("AwsAccount", AwsAccount.load(name))
    except ValueError as error:
        raise ConfigurationError(
            f"there is no AWS Account block {name!r}: {error}",
            remedy="make it in Prefect's UI after: birthcert blocks register",
        ) from error


def _base_session(slug: str) -> AwsSession:
    """The session of any block that has `get_boto3_session`, as those of prefect-aws have."""
    try:
        block: Any = Block.load(slug)
        session: AwsSession = block.get_boto3_session()
    except (ValueError, AttributeError, RuntimeError) as error:
        raise ConfigurationError(
            f"the base credentials {slug!r} cannot be used: {error}",
            remedy="name an existing block of prefect-aws (pip install 'birthcert[aws-blocks]')",
        ) from error
    return session
