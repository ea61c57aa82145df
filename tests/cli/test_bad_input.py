"""Bad input to the command line: one line that says what and what to do, and nothing touched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert import limits

BOOTSTRAP = ["bootstrap", "--tenant", "acme"]
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}  # fmt: skip


def assert_refused(ended: Any, expected: str) -> None:
    """Exit code 2, one line for the error and no traceback, and AWS was at most read."""
    assert ended.code == 2, ended.err
    assert len(ended.errors) == 1, ended.err
    assert expected in ended.errors[0]
    assert "; " in ended.errors[0]
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert ended.changing_calls == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["bootstrap"], "--tenant", id="no tenant"),
        pytest.param([*BOOTSTRAP, "--frobnicate"], "--frobnicate", id="unknown flag"),
        pytest.param(["bootstrapp"], "bootstrapp", id="unknown command"),
        pytest.param(["bootstrap", "--tenant", "ACME!"], "tenant 'ACME!'", id="tenant's alphabet"),
        pytest.param([*BOOTSTRAP, "--region", "eu-nowhere-9"], "eu-nowhere-9", id="region"),
        pytest.param([*BOOTSTRAP, "--partition", "aws-eu"], "partition 'aws-eu'", id="partition"),
        pytest.param(
            [*BOOTSTRAP, "--partition", "aws-cn"], "belongs to partition aws", id="other partition"
        ),
        pytest.param([*BOOTSTRAP, "--account", "12"], "account '12'", id="account's form"),
        pytest.param([*BOOTSTRAP, "--account", "999999999999"], "999999999999", id="account"),
        pytest.param(
            [*BOOTSTRAP, "--key-algorithm", "RSA_512"], "key_algorithm", id="key algorithm"
        ),
        pytest.param(
            [*BOOTSTRAP, "--signing-algorithm", "SHA256WITHECDSA"],
            "does not go with a key of RSA_2048",
            id="signing algorithm of another family",
        ),
        pytest.param([*BOOTSTRAP, "--tag", "OWNER"], "'OWNER' is not KEY=VALUE", id="tag"),
        pytest.param(
            [*BOOTSTRAP, "--policy-file", "nowhere.json"], "nowhere.json", id="policy file missing"
        ),
        pytest.param([*BOOTSTRAP, "--ca-validity-days", "soon"], "soon", id="no number"),
        pytest.param(
            ["plan", "--tenant", "acme", "--manifest", "nowhere.csv"], "nowhere.csv", id="plan"
        ),
        pytest.param(["sandbox", "env", "--dir", "nowhere"], "sandbox serve", id="no sandbox"),
    ],
)
@pytest.mark.usefixtures("bootstrapped")
def test_wrong_arguments(birthcert: Any, arguments: list[str], expected: str) -> None:
    """What is wrong is named as the user wrote it."""
    assert_refused(birthcert(*arguments), expected)


@pytest.mark.parametrize(
    ("flag", "content", "expected"),
    [
        pytest.param(
            "--template-file",
            json.dumps({"Resources": {"x": "x" * limits.TEMPLATE_BODY_MAX_LENGTH}}),
            "10240",
            id="template over AWS's size",
        ),
        pytest.param(
            "--policy-file",
            json.dumps({**POLICY, "Id": "x" * limits.POLICY_DOCUMENT_MAX_LENGTH}),
            "2048",
            id="policy over AWS's size",
        ),
        pytest.param(
            "--template-file",
            json.dumps(
                {
                    "Parameters": {"AWS::IoT::Certificate::OrganizationName": {"Type": "String"}},
                    "Resources": {},
                }
            ),
            "OrganizationName",
            id="the recipe's parameter that AWS does not have",
        ),
    ],
)
def test_documents_that_aws_would_refuse(
    birthcert: Any, tmp_path: Path, flag: str, content: str, expected: str
) -> None:
    """A template or policy is judged before the CA is bought."""
    document = tmp_path / "document.json"
    document.write_text(content)
    ended = birthcert(*BOOTSTRAP, flag, str(document))
    assert_refused(ended, expected)
    assert set(ended.calls) <= {"sts.GetCallerIdentity"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS_ENDPOINT_URL", id="no route"),
        pytest.param({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT_URL", id="no URL"),
        pytest.param(
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SESSION_TOKEN": None},
            "no AWS credentials",
            id="no credentials",
        ),
        pytest.param({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "access key", id="unknown key"),
        pytest.param({"AWS_PROFILE": "nobody"}, "AWS_PROFILE", id="unknown profile"),
        pytest.param({"AWS_CONFIG_FILE": __file__}, "AWS_CONFIG_FILE", id="damaged profiles"),
        pytest.param({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, "no region", id="no region"),
        pytest.param({"BIRTHCERT_RETRY_SECONDS": "soon"}, "retry_seconds", id="setting's value"),
    ],
)
def test_wrong_environment(
    birthcert: Any,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str | None],
    expected: str,
) -> None:
    """The variable or what it stands for is named; bootstrap begins as its plan does."""
    monkeypatch.setenv("BIRTHCERT_RETRY_SECONDS", "0")
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert_refused(birthcert("plan", "--tenant", "acme"), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('state_foldr = "x"\n', "state_foldr", id="unknown key"),
        pytest.param("retry_seconds = -1\n", "retry_seconds", id="value out of bounds"),
        pytest.param("retry_seconds = \n", "birthcert.toml", id="not TOML"),
    ],
)
def test_wrong_settings_file(
    birthcert: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, expected: str
) -> None:
    """birthcert.toml in the working folder is read strictly."""
    (tmp_path / "birthcert.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    ended = birthcert(*BOOTSTRAP)
    assert_refused(ended, expected)
    assert ended.calls == {}


@pytest.mark.parametrize(
    ("manifest", "more", "expected"),
    [
        pytest.param("", [], "is empty", id="empty manifest"),
        pytest.param("device_id,csr\n", [], "no devices", id="header alone"),
        pytest.param("id;csr\nx;y\n", [], "wrong header (row 1)", id="wrong header"),
        pytest.param("device_id\nx\n", [], "does not name csr", id="header without csr"),
        pytest.param("[]\n", [], "JSON array", id="JSON array"),
        pytest.param(None, [], "manifest.csv", id="no manifest"),
        pytest.param(
            "device_id\nx\n",
            ["--generate-keys", "EC_prime256v1"],
            "BIRTHCERT_KEY_PASSPHRASE",
            id="no passphrase",
        ),
        pytest.param("device_id,csr\nx,y\n", ["--threads", "0"], "threads 0: ", id="no threads"),
        pytest.param(
            "device_id,csr\nx,y\n",
            ["--tenant", "stranger"],
            "bootstrap --tenant stranger",
            id="tenant",
        ),
    ],
)
@pytest.mark.usefixtures("bootstrapped")
def test_a_batch_that_cannot_begin(
    birthcert: Any, tmp_path: Path, manifest: str | None, more: list[str], expected: str
) -> None:
    """A manifest that is of no use as a whole certifies nobody."""
    path = tmp_path / "manifest.csv"
    if manifest is not None:
        path.write_text(manifest)
    arguments = ["issue", "--manifest", str(path), "--out", str(tmp_path / "out"), *more]
    if "--tenant" not in more:
        arguments += ["--tenant", "acme"]
    assert_refused(birthcert(*arguments), expected)
    assert not (tmp_path / "out" / "report.csv").exists()


def test_an_output_folder_that_cannot_be_written(
    birthcert: Any, fleet: Callable[..., Path], tmp_path: Path
) -> None:
    """A file where the folder belongs ends the run right after AWS has said who runs it."""
    (tmp_path / "out").write_text("in the way")
    manifest = str(fleet(1))
    ended = birthcert(
        "issue", "--tenant", "acme", "--manifest", manifest, "--out", str(tmp_path / "out")
    )
    assert_refused(ended, "out")
    assert set(ended.calls) == {"sts.GetCallerIdentity"}
