"""The sandbox as a whole: started, described, counted, stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest

from birthcert.errors import ConfigurationError
from birthcert.sandbox.server import Sandbox

ACCOUNT = "123456789012"

Connect = Callable[..., Any]
Visit = Callable[..., tuple[int, bytes, Any]]
Refusal = Callable[..., tuple[str, int, str]]


def described(sandbox: Sandbox) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((sandbox.description.directory / "sandbox.json").read_text())
    return facts


def test_description_says_how_to_reach_it(sandbox: Sandbox) -> None:
    """sandbox.json holds the address, the place, the CA and the environment for clients."""
    facts = described(sandbox)
    assert facts["endpoint_url"] == sandbox.url == facts["environment"]["AWS_ENDPOINT_URL"]
    assert (facts["account_id"], facts["region"]) == (ACCOUNT, "eu-west-1")
    assert facts["mqtt_host"] == "localhost"
    assert facts["mqtt_port"] == facts["endpoints"][0]["mqtt_port"] > 0
    assert Path(facts["server_ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert facts["environment"] == sandbox.environment
    assert (facts["instance"], facts["pid"]) == (sandbox.state.instance, os.getpid())
    assert "AWS_PROFILE" in facts["unset"]


def test_aws_cli_needs_only_the_environment(sandbox: Sandbox) -> None:
    """The aws CLI works unchanged with the variables of sandbox.json."""
    aws = Path(sys.executable).parent / "aws"
    environment = sandbox.environment | {"PATH": os.environ["PATH"]}
    run = subprocess.run(
        [str(aws), "sts", "get-caller-identity"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["Account"] == ACCOUNT


def test_caller_is_the_operator(connect: Connect) -> None:
    """The sandbox's own key belongs to an IAM user of its account, in each partition."""
    caller = connect("sts").get_caller_identity()
    assert caller["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/birthcert-sandbox"
    china = connect("sts", region_name="cn-north-1").get_caller_identity()
    assert china["Arn"] == f"arn:aws-cn:iam::{ACCOUNT}:user/birthcert-sandbox"


def test_a_further_place_is_listed_with_its_port(sandbox: Sandbox, connect: Connect) -> None:
    """The first use of another region opens its MQTT listener and rewrites sandbox.json."""
    iot = connect("iot", region_name="us-east-1")
    assert iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"] == "localhost"
    ports = {each["region"]: each["mqtt_port"] for each in described(sandbox)["endpoints"]}
    assert ports["us-east-1"] not in (0, ports["eu-west-1"])


def test_calls_are_counted(
    sandbox: Sandbox, connect: Connect, visit: Visit, refusal: Refusal
) -> None:
    """Each call counts under its action, by how it ended."""
    iot = connect("iot")
    iot.list_things()
    refusal(iot.describe_thing, thingName="nobody")
    assert sandbox.calls() == {
        "iot.ListThings": {"ok": 1},
        "iot.DescribeThing": {"ResourceNotFoundException": 1},
    }
    assert json.loads(visit("/_sandbox/calls")[1])["calls"] == sandbox.calls()


def test_books_list_what_exists(connect: Connect, visit: Visit) -> None:
    """The books hold every kind, and what was made."""
    connect("iot").create_thing(thingName="in-the-books")
    books = json.loads(visit("/_sandbox/books")[1])
    assert set(books) >= {"authorities", "certificates", "registrations", "device_certificates"}
    assert "in-the-books" in [thing["name"] for thing in books["things"]]


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({}, "running in this process already", id="a second one"),
        pytest.param({"region": "mars-north-1"}, "mars-north-1 is no region", id="region"),
        pytest.param({"account": "12"}, "12 is no AWS account id", id="account"),
    ],
)
def test_a_wrong_start_is_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """What cannot start says why, and writes no sandbox.json."""
    with pytest.raises(ConfigurationError, match=message):
        Sandbox.start(tmp_path, **options)
    assert not (tmp_path / "sandbox.json").exists()


SERVE = """
import sys
from pathlib import Path
from birthcert.sandbox.server import serve
serve(Path(sys.argv[1]), quotas=True)
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as running:
        yield running
        running.kill()


def test_served_in_the_foreground(process: subprocess.Popen[str], tmp_path: Path) -> None:
    """It prints its facts as one line, enforces quotas when told, and SIGTERM ends it cleanly."""
    assert process.stdout is not None
    facts = json.loads(process.stdout.readline())
    assert facts == json.loads((tmp_path / "sandbox.json").read_text())
    assert facts["pid"] == process.pid
    throttled = 0
    iot = boto3.client(
        "iot",
        endpoint_url=facts["endpoint_url"],
        region_name=facts["region"],
        aws_access_key_id=facts["environment"]["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=facts["environment"]["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )
    for _ in range(100):
        try:
            iot.get_registration_code()
        except iot.exceptions.ThrottlingException:
            throttled += 1
    assert 0 < throttled < 100
    process.send_signal(signal.SIGTERM)
    _, warning = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "NO PRODUCTION CA" in warning
