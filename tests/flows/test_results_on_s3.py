"""Results of finished steps on S3: another machine goes on where a killed one stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from prefect.blocks.core import Block

from birthcert.sandbox.server import Sandbox

pytest.importorskip("prefect_aws", reason="NOT TESTED: results on S3 need prefect-aws")
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

BUCKET, PREFIX, BLOCK = "birthcert-results", "results", "results-on-s3"
COMMAND = ["bootstrap", "--tenant", "wayne", "--thing-type", "Wayne", "--no-canary", "--json"]


@pytest.fixture
def bucket(desk: Path, sandbox: Sandbox) -> Iterator[Any]:
    """A bucket of the account, and the block that names it."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
    key, secret, token, region = (os.environ[name] for name in names)
    resource: Any = boto3.resource("s3", endpoint_url=sandbox.url)
    bucket = resource.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region}
    )
    credentials = AwsCredentials(
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        region_name=region,
        aws_client_parameters=AwsClientParameters(endpoint_url=sandbox.url),
    )
    block = S3Bucket(bucket_name=BUCKET, bucket_folder=PREFIX, credentials=credentials)
    block.save(BLOCK, overwrite=True)
    yield bucket
    Block.delete(f"s3-bucket/{BLOCK}")


def machine(folder: Path) -> subprocess.Popen[str]:
    """The command on a machine of its own: nothing is there but the address of the results."""
    folder.mkdir()
    environment = {
        **os.environ,
        "BIRTHCERT_STATE_FOLDER": str(folder / "state"),
        "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": f"s3-bucket/{BLOCK}",
    }
    environment.pop("PREFECT_RESULTS_LOCAL_STORAGE_PATH")
    return subprocess.Popen(
        [sys.executable, "-m", "birthcert", *COMMAND],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_another_machine_goes_on_with_the_steps_of_one_that_was_killed(
    bucket: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    """kill -9 in the seventh step: a machine that shares the results alone shows six as cached."""
    stuck = {"calls": [{"action": "iot.CreateThingType", "effect": "throttle"}]}
    sandbox.reset_calls()
    sandbox.state.knobs.update(stuck)
    with machine(tmp_path / "first") as process:
        end = time.monotonic() + 60
        while not sandbox.calls().get("iot.CreateThingType"):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    kept = [entry.key for entry in bucket.objects.all()]
    assert kept
    assert all(key.startswith(f"{PREFIX}/birthcert/v1/") for key in kept)
    sandbox.state.knobs.reset()
    sandbox.reset_calls()
    with machine(tmp_path / "second") as process:
        report = json.loads(process.communicate()[0])
    outcomes = {step["name"]: step["outcome"] for step in report["steps"]}
    finished = ("create_certificate_authority", "install_ca_certificate")
    finished += ("issue_verification_certificate", "register_ca_certificate")
    assert {outcomes[name] for name in finished} == {"cached"}
    assert outcomes["create_thing_type"] == "created"
    assert "acm-pca.CreateCertificateAuthority" not in sandbox.calls()
    assert not (tmp_path / "second" / "state" / "results").exists()
