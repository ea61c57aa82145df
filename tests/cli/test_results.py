"""What the commands print and return."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.errors import WrongAccount
from birthcert.sandbox.server import Sandbox


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`birthcert ARGUMENTS` in a process of its own."""
    command = [sys.executable, "-m", "birthcert", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_bootstrap_prints_one_json_document(bootstrapped: str, desk: Path) -> None:
    """stdout is JSON and nothing else; the steps' log and the sandbox's warning are on stderr."""
    ended = in_a_process("bootstrap", "--tenant", "acme", "--key-algorithm", "EC_prime256v1",
                         "--json")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["authority_arn"] == bootstrapped
    assert report["registration"].keys() == {"certificate_id", "certificate_arn"}
    assert {step["outcome"] for step in report["steps"]} <= {"found", "cached"}
    assert "not AWS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_issue_prints_one_json_document_and_exits_3(
    bootstrapped: str,
    fleet: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two devices certified and one refused: partly done, and the report says which.

    Where a folder for metrics is set, they are counted in it.
    """
    monkeypatch.setenv("BIRTHCERT_METRICS_FOLDER", str(tmp_path / "metrics"))
    manifest = fleet(2, "unit-x,nowhere.csr", prefix="json")
    ended = in_a_process("issue", "--tenant", "acme", "--manifest", str(manifest),
                         "--out", str(tmp_path / "out"), "--json")  # fmt: skip
    assert ended.returncode == 3, ended.stderr
    report = json.loads(ended.stdout)
    assert {name: report[name] for name in ("requested", "issued", "existing", "refused")} == {
        "requested": 3,
        "issued": 2,
        "existing": 0,
        "refused": 1,
    }
    assert report["failed"] == 0
    assert "unit-x,refused" in Path(report["report"]).read_text()
    counted = (tmp_path / "metrics" / "birthcert.prom").read_text()
    assert re.search(r'devices_total{outcome="issued",place="aws:.+",tenant="acme"} 2.0', counted)
    assert re.search(r'devices_total{outcome="refused",place="aws:.+",tenant="acme"} 1.0', counted)
    issued = r'call_seconds_count{action="IssueCertificate",outcome="ok",place="aws:.+} 2.0'
    assert re.search(issued, counted)
    assert "birthcert_authority_not_after_timestamp_seconds{" in counted


def test_without_json_people_read_tables(birthcert: Any, bootstrapped: str) -> None:
    """Steps and facts on stdout, and that it is the sandbox."""
    ended = birthcert("bootstrap", "--tenant", "acme", "--key-algorithm", "EC_prime256v1")
    assert ended.code == 0
    assert "not AWS" in ended.out
    assert bootstrapped in ended.out
    for part in ("create_certificate_authority", "UnifiedAgent", "ACME-IOT-JIT-PROV"):
        assert part in ended.out


def test_a_batch_without_json(
    birthcert: Any, bootstrapped: str, fleet: Callable[..., Path], tmp_path: Path
) -> None:
    """Counts and where the files are."""
    ended = birthcert("issue", "--tenant", "acme", "--manifest", str(fleet(2, prefix="text")),
                      "--out", str(tmp_path / "out"))  # fmt: skip
    assert ended.code == 0
    assert "2 of 2 devices have certificates" in ended.out
    assert str(tmp_path / "out" / "report.csv") in ended.out


def test_debug_shows_where_it_went_wrong(birthcert: Any, desk: Path) -> None:
    """--debug raises what the line stands for; without it there is the line alone."""
    wrong = ["plan", "--tenant", "acme", "--account", "999999999999"]
    assert birthcert(*wrong).err.startswith("error: the credentials belong to account")
    with pytest.raises(WrongAccount, match="not to 999999999999"):
        birthcert(*wrong, "--debug")


def test_quiet_leaves_warnings(birthcert: Any, bootstrapped: str) -> None:
    """--quiet keeps the log's warnings and drops its progress."""
    arguments = [
        "bootstrap",
        "--tenant",
        "quiet",
        "--key-algorithm",
        "EC_prime256v1",
        "--no-canary",
    ]
    ended = birthcert(*arguments, "--quiet")
    assert ended.code == 0
    assert "WARNING this is the local sandbox" in ended.err
    assert "INFO" not in ended.err


def test_log_lines_as_json(
    birthcert: Any, bootstrapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With BIRTHCERT_LOG_FORMAT=json every line on stderr is one object, the last one too."""
    monkeypatch.setenv("BIRTHCERT_LOG_FORMAT", "json")
    ended = birthcert("bootstrap", "--tenant", "acme", "--key-algorithm", "RSA_2048", "--json")
    assert (ended.code, ended.out) == (1, "")
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert (lines[0]["step"], lines[0]["tenant"]) == ("check_caller", "acme")
    assert (lines[-1]["level"], lines[-1]["step"]) == ("ERROR", "create_certificate_authority")
    assert lines[-1]["place"].endswith(":eu-west-1")
    assert "differs from the request" in lines[-1]["message"]


def test_help_and_version_are_no_errors(birthcert: Any) -> None:
    """Every command explains itself."""
    assert "Birth certificates" in birthcert("--help").out
    for command in ("bootstrap", "issue", "plan", "demo"):
        ended = birthcert(command, "--help")
        assert (ended.code, ended.calls) == (0, {})
        assert "--" in ended.out
    assert birthcert("--version").out.strip().count(".") == 2


def test_an_authority_taken_away_is_named(
    birthcert: Any, fleet: Callable[..., Path], tmp_path: Path
) -> None:
    """Disabled or deleted: exit code 1, and one line with the CA, what became of it, what to do."""
    ready = birthcert("bootstrap", "--tenant", "lost", "--key-algorithm", "EC_prime256v1",
                      "--no-canary", "--json")  # fmt: skip
    arn = json.loads(ready.out)["authority_arn"]
    aws = AwsAccess("eu-west-1")
    for action, facts, state in (
        ("UpdateCertificateAuthority", {"Status": "DISABLED"}, "DISABLED"),
        ("DeleteCertificateAuthority", {}, "DELETED"),
    ):
        aws.call("acm-pca", action, CertificateAuthorityArn=arn, **facts)
        ended = birthcert("issue", "--tenant", "lost", "--authority-arn", arn,
                          "--manifest", str(fleet(1)), "--out", str(tmp_path / "out"))  # fmt: skip
        assert ended.code == 1
        assert len(ended.errors) == 1
        assert f"{arn} is {state}, not ACTIVE; restore or enable it" in ended.errors[0]
        assert ended.changing_calls == []


def test_an_authority_disabled_in_the_middle(
    birthcert: Any,
    bootstrapped: str,
    sandbox: Sandbox,
    fleet: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """What was issued until then is kept, and the next run certifies the rest."""
    arguments = ["issue", "--tenant", "acme", "--manifest", str(fleet(12, prefix="mid")),
                 "--out", str(tmp_path / "out"), "--threads", "1", "--json"]  # fmt: skip
    rule = {"action": "acm-pca.IssueCertificate", "effect": "error", "nth": 5, "times": 1,
            "code": "InvalidStateException", "status": 400, "message": "is DISABLED"}  # fmt: skip
    sandbox.state.knobs.update({"calls": [rule]})
    ended = birthcert(*arguments)
    sandbox.state.knobs.reset()
    assert ended.code == 1
    assert len(ended.errors) == 1
    assert "InvalidStateException" in ended.errors[0]
    bought = ended.calls["acm-pca.IssueCertificate"]["ok"]
    later = birthcert(*arguments)
    assert later.code == 0, later.err
    assert later.calls["acm-pca.IssueCertificate"]["ok"] == 12 - bought
    report = json.loads(later.out)
    assert (report["issued"] + report["existing"], report["failed"]) == (12, 0)
