"""The block AWS Account: credentials that last, and a base that is another block's."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.credentials import RefreshableCredentials
from prefect.blocks.abstract import CredentialsBlock
from pydantic import SecretStr

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, ConfigurationError
from birthcert.models import WhereRequest
from birthcert.sandbox.environment import ACCESS_KEY_ID
from birthcert.sandbox.server import Sandbox
from blocks.aws_account import AwsAccount, load_account

ROLE = "arn:aws:iam::333333333333:role/birthcert-issuer"
Made = Callable[..., AwsAccount]


class StaticCredentials(CredentialsBlock):
    """Stands for prefect-aws's block: it has get_boto3_session and knows nothing of us."""

    key: str

    def get_client(self, *_arguments: Any) -> Any:
        """Not used here; the abstract class asks for it."""

    def get_boto3_session(self) -> boto3.Session:
        """What prefect-aws's AwsCredentials has."""
        return boto3.Session(aws_access_key_id=self.key, aws_secret_access_key="any")


@pytest.fixture
def make_account(account: str) -> Made:
    """Make a block that assumes a role of another account."""

    def made(**facts: Any) -> AwsAccount:
        return AwsAccount.model_validate({"region": "eu-west-1", "role_arn": ROLE, **facts})

    return made


def who(access: AwsAccess) -> str:
    """The account that the calls are made in."""
    account: str = access.call("sts", "GetCallerIdentity")["Account"]
    return account


def test_a_role_is_assumed_with_its_conditions(
    make_account: Made, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """External id, tags and duration reach STS, and calls are made in the role's account."""
    block = make_account(
        external_id="shared", session_tags={"birthcert:tenant": "acme"}, session_seconds=900
    )
    asked: list[dict[str, Any]] = []
    session = block.get_session()
    from birthcert.aws import session as sessions

    original = sessions.AssumeRoleCredentialFetcher._assume_role_kwargs
    monkeypatch.setattr(
        sessions.AssumeRoleCredentialFetcher,
        "_assume_role_kwargs",
        lambda self: asked.append(original(self)) or original(self),
    )
    assert session.client("sts").get_caller_identity()["Account"] == "333333333333"
    assert asked[0]["RoleArn"] == ROLE
    assert asked[0]["ExternalId"] == "shared"
    assert asked[0]["DurationSeconds"] == 900
    assert asked[0]["Tags"] == [{"Key": "birthcert:tenant", "Value": "acme"}]


def test_credentials_refresh_themselves_before_they_end(
    make_account: Made, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work goes on past the end of the assumed credentials, where static ones are refused."""
    access = make_account().get_access(retry_seconds=3)
    # renewed half way, so that a call on a busy machine still arrives before the end
    monkeypatch.setattr(RefreshableCredentials, "_advisory_refresh_timeout", 2)
    monkeypatch.setattr(RefreshableCredentials, "_mandatory_refresh_timeout", 2)
    sandbox.state.knobs.update({"session_token_seconds": 4})
    static = AwsAccess("eu-west-1", session=frozen(access), retry_seconds=3)
    end_of_static = sandbox.state.clock() + 4
    sandbox.reset_calls()
    while sandbox.state.clock() < end_of_static or _renewals(sandbox) < 2:
        assert who(access) == "333333333333"
    with pytest.raises(AwsCallFailed, match="expired") as caught:
        who(static)
    assert caught.value.code == "ExpiredToken"


def _renewals(sandbox: Sandbox) -> int:
    return sandbox.calls().get("sts.AssumeRole", {}).get("ok", 0)


def frozen(access: AwsAccess) -> boto3.Session:
    """The credentials of the moment, as a session that never asks again."""
    found = access._session.get_credentials().get_frozen_credentials()
    return boto3.Session(
        aws_access_key_id=found.access_key,
        aws_secret_access_key=found.secret_key,
        aws_session_token=found.token,
    )


def test_a_role_that_cannot_be_assumed_is_said_so(make_account: Made, sandbox: Sandbox) -> None:
    """STS's refusal is a problem of the configuration, with STS's own words and request id."""
    refused = {"action": "sts.AssumeRole", "effect": "error", "code": "AccessDenied"}
    sandbox.state.knobs.update({"calls": [{**refused, "status": 403, "message": "not you"}]})
    with pytest.raises(ConfigurationError, match=r"not you \(request id"):
        who(make_account().get_access(retry_seconds=1))


def test_base_credentials_of_another_block(prefect: None, account: str) -> None:
    """The base may be any block with get_boto3_session; here it is the sandbox's own user."""
    StaticCredentials(key=ACCESS_KEY_ID).save("ops", overwrite=True)
    slug = f"{StaticCredentials.get_block_type_slug()}/ops"
    block = AwsAccount(region="eu-west-1", base_credentials=slug)
    assert who(block.get_access()) == "123456789012"
    assert block.get_client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param("aws-credentials/none", id="no such block"),
        pytest.param("birthcert-aws-account/plain", id="a block without a session"),
    ],
)
def test_base_credentials_that_cannot_be_used(prefect: None, account: str, slug: str) -> None:
    """A base that is not there, or is no credentials block, is named."""
    AwsAccount(region="eu-west-1").save("plain", overwrite=True)
    block = AwsAccount(region="eu-west-1", base_credentials=slug)
    with pytest.raises(ConfigurationError, match=slug):
        block.get_session()


def test_a_run_works_with_the_block_that_it_names(prefect: None, account: str) -> None:
    """The account block's credentials and region are those of the run."""
    from prefect import flow

    from flows.runbook import Runbook
    from tasks.caller import check_caller

    AwsAccount(region="eu-central-1", role_arn=ROLE).save("other", overwrite=True)

    @flow
    def look() -> Any:
        return Runbook()(check_caller, WhereRequest(tenant="acme", account_block="other")).place

    found = look()
    assert (found.account, found.region) == ("333333333333", "eu-central-1")


def test_a_missing_block_is_named(prefect: None) -> None:
    """A run that names no block of ours ends with what to do."""
    with pytest.raises(ConfigurationError, match="birthcert blocks register"):
        load_account("nobody")


def test_secrets_are_not_shown() -> None:
    """The external id is in no text made of the block."""
    block = AwsAccount(region="eu-west-1", role_arn=ROLE, external_id=SecretStr("hush"))
    assert "hush" not in repr(block) + str(block) + block.model_dump_json()
