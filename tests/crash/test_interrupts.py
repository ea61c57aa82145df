"""Ctrl-C and SIGTERM as a command meets them."""

import signal
import subprocess
import sys
import threading
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsUnreachable

INTERRUPTED = 130
# a command that works until it is interrupted, and then takes an hour to end well
COMMAND = """
import sys, threading
from birthcert import console
def command():
    try:
        print("working", flush=True)
        threading.Event().wait()
    finally:
        print("ending", flush=True)
        threading.Event().wait({patience})
    return 0
sys.argv = ["birthcert", "issue", "--out", "a folder"]
sys.exit(console.run_command(command, debug=False))
"""


def started(patience: int) -> subprocess.Popen[str]:
    """A command at work, which needs so many seconds to end well."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(patience=patience)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_first_signal_ends_well_and_says_how_to_go_on(number: signal.Signals) -> None:
    """The command's own ending runs, and the user reads what to run next."""
    process = started(patience=0)
    process.send_signal(number)
    rest, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert rest == "ending\n"
    assert "run: birthcert issue --out 'a folder'" in said


def test_second_signal_ends_at_once() -> None:
    """Whoever presses Ctrl-C again does not wait for the calls in flight."""
    process = started(patience=3_600)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == INTERRUPTED


def test_no_call_is_tried_again_once_the_run_is_ending() -> None:
    """What is in flight ends with its first answer, whatever that is."""
    ending, tries = threading.Event(), []
    session = boto3.Session("none", "none", region_name="eu-west-1")

    def refuse(**_request: Any) -> None:
        tries.append(1)
        ending.set()
        raise EndpointConnectionError(endpoint_url="nowhere")

    session.events.register("before-send.acm-pca", refuse)
    aws = AwsAccess("eu-west-1", session=session, ending=ending)
    with pytest.raises(AwsUnreachable):
        aws.call("acm-pca", "ListCertificateAuthorities")
    assert len(tries) == 1
