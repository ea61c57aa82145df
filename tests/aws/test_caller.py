"""Who is calling, from where: known before anything is touched."""

import pytest

from birthcert.aws import caller
from birthcert.aws.access import AwsAccess
from birthcert.errors import ConfigurationError, WrongAccount
from birthcert.models import BootstrapRequest
from birthcert.sandbox.server import Sandbox
from tests.aws.steps import REQUEST


def test_the_caller_must_be_of_the_account_asked_for(aws: AwsAccess, account: str) -> None:
    """Another account's number ends the run before anything is touched."""
    with pytest.raises(WrongAccount, match=account):
        caller.check_caller(aws, BootstrapRequest(tenant="acme", account="999999999999"))


def test_the_caller_knows_the_sandbox(aws: AwsAccess, account: str, sandbox: Sandbox) -> None:
    """A place in the sandbox carries its name, so its books never mix with AWS's."""
    found = caller.check_caller(aws, BootstrapRequest(tenant="acme", account=account))
    assert found.place.sandbox == sandbox.state.instance
    assert found.place.sandbox in found.place.key


def test_an_unreachable_endpoint_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """A closed port: one line that names the endpoint's variable."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL"):
        caller.check_caller(AwsAccess("eu-west-1", retry_seconds=0), REQUEST)


def test_missing_credentials_are_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    """No key in the whole chain: the line says how to log in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        caller.check_caller(AwsAccess("eu-west-1"), REQUEST)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"region": "eu-nowhere-9"}, "no region 'eu-nowhere-9'", id="unknown region"),
        pytest.param({"region": "cn-north-1"}, "belongs to partition aws-cn", id="other partition"),
    ],
)
def test_regions_are_checked_before_any_call(facts: dict[str, str], expected: str) -> None:
    """A region that AWS has not, or has elsewhere, is refused by name."""
    request = BootstrapRequest.model_validate({"tenant": "acme", **facts})
    with pytest.raises(ConfigurationError, match=expected):
        caller.resolve_region(request)
