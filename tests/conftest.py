"""A sandbox for each test module, fresh accounts in it, and a Prefect server a test process."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.bucket import Bucket
from birthcert.models import Place
from birthcert.sandbox.knobs import Knobs
from birthcert.sandbox.server import Sandbox

REGION = "eu-west-1"
_accounts = itertools.count(200_000_000_001)


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Prefect server with an empty database, for this process and those that it starts."""
    from prefect import settings
    from prefect.testing.utilities import prefect_test_harness

    home = tmp_path_factory.mktemp("prefect")
    quiet: dict[Any, Any] = {
        settings.PREFECT_HOME: home,
        settings.PREFECT_SERVER_ANALYTICS_ENABLED: False,
        settings.PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
        settings.PREFECT_LOGGING_LEVEL: "WARNING",
    }
    with (
        settings.temporary_settings(quiet),
        prefect_test_harness(server_startup_timeout=300),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PREFECT_HOME", str(home))
        patch.setenv("PREFECT_API_URL", str(settings.PREFECT_API_URL.value()))
        yield


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox in this process, quick to issue."""
    knobs = Knobs(ca_creation_seconds=0.05, issuance_seconds=(0.01, 0.03), iam_delay_seconds=0.1)
    with Sandbox.start(tmp_path_factory.mktemp("sandbox"), knobs=knobs) as running:
        yield running


@contextmanager
def fresh_account(sandbox: Sandbox, folder: Path) -> Iterator[str]:
    """An empty account that the environment's credentials reach, with its state in `folder`."""
    from tasks.access import aws_in, ledger

    account = str(next(_accounts))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials_for(sandbox, account).items():
            patch.setenv(name, value)
        patch.setenv("BIRTHCERT_STATE_FOLDER", str(folder))
        for cached in (aws_in, ledger):
            cached.cache_clear()
        yield account
    sandbox.state.knobs.reset()
    for cached in (aws_in, ledger):
        cached.cache_clear()


@pytest.fixture
def account(sandbox: Sandbox, tmp_path: Path) -> Iterator[str]:
    """The number of an empty account; the environment's credentials and state are for it alone."""
    with fresh_account(sandbox, tmp_path / "state") as number:
        yield number


@pytest.fixture(scope="module")
def desk(
    prefect: None, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder to work in, for flows: an account and Prefect results of the module's own."""
    from prefect import settings

    folder = tmp_path_factory.mktemp("desk")
    results = folder / "state" / "results"
    with (
        fresh_account(sandbox, folder / "state"),
        settings.temporary_settings({settings.PREFECT_RESULTS_LOCAL_STORAGE_PATH: results}),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PREFECT_RESULTS_LOCAL_STORAGE_PATH", str(results))
        patch.chdir(folder)
        yield folder


@pytest.fixture
def page(desk: Path) -> Callable[..., Any]:
    """The newest artifact of a kind in Prefect: the tenant's, in the account of the module."""

    def newest(kind: str, tenant: str = "acme") -> Any:
        from prefect.artifacts import Artifact

        account = AwsAccess(REGION).call("sts", "GetCallerIdentity")["Account"]
        return Artifact.get(f"{kind}-{tenant}-{account}-{REGION}")

    return newest


@pytest.fixture
def aws(account: str) -> AwsAccess:
    """The way to AWS in the fresh account, impatient."""
    return AwsAccess(REGION, retry_seconds=3)


@pytest.fixture
def bucket(aws: AwsAccess) -> Iterator[Bucket]:
    """The empty bucket `fleets` of the fresh account."""
    region = {"LocationConstraint": REGION}
    aws.call("s3", "CreateBucket", Bucket="fleets", CreateBucketConfiguration=region)
    bucket = Bucket(aws, "fleets")
    yield bucket
    for entry in list(bucket.entries("")):
        bucket.delete(entry.key)
    aws.call("s3", "DeleteBucket", Bucket="fleets")


@pytest.fixture
def place(account: str, sandbox: Sandbox) -> Place:
    """The fresh account's place."""
    return Place(partition="aws", account=account, region=REGION, sandbox=sandbox.state.instance)


@pytest.fixture
def counted(sandbox: Sandbox) -> Callable[[], dict[str, int]]:
    """Calls that succeeded since this fixture was made, by `service.Action`."""
    before = _succeeded(sandbox)

    def since() -> dict[str, int]:
        now = _succeeded(sandbox)
        return {name: n - before.get(name, 0) for name, n in now.items() if n > before.get(name, 0)}

    return since


def credentials_for(sandbox: Sandbox, account: str) -> dict[str, str]:
    """The environment of an assumed role in another account of the sandbox."""
    environment = sandbox.environment
    sts = boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=sandbox.url,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    role = f"arn:aws:iam::{account}:role/test"
    answer = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["SessionToken"],
    }


def _succeeded(sandbox: Sandbox) -> dict[str, int]:
    return {name: outcomes.get("ok", 0) for name, outcomes in sandbox.calls().items()}
