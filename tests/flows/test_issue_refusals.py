"""The flow `issue` and rows that cannot be certified: each one refused by name, the rest issued."""

import csv
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from birthcert.errors import AwsCallFailed
from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox

Run = Callable[[Any], Any]
LONG = "x" * 65
REASONS = {
    "missing": "there is no CSR file",
    "unreadable": "is no file",
    "no-csr": "the row has no CSR",
    "not-pem": "not in PEM form",
    "not-a-csr": "holds a CERTIFICATE, not a CERTIFICATE REQUEST",
    "wrong-signature": "the CSR's signature is wrong",
    "short-rsa": "RSA key has 1024 bits",
    "odd-curve": "on the curve secp521r1",
    "no-subject": "the CSR has no CommonName",
    "other-name": "'good-1' is not the device id 'other-name'",
    "twin": "public key is that of row",
    "good-1": "the device_id is that of row",
    LONG: "64",
    "bad name": "bad name",
}


def csr_of(name: str, key: Any = None) -> str:
    """A CSR whose CommonName is the device's."""
    return build_csr(
        key or generate_private_key("EC_prime256v1"), Subject(common_name=name)
    ).decode()


def line(device_id: str, csr: str | None = None, **facts: str) -> str:
    """One line of a JSONL manifest."""
    inline = {} if csr is None else {"csr": csr}
    return json.dumps({"device_id": device_id, **inline, **facts})


def damaged(csr: str) -> str:
    """The CSR with another subject under the old signature: Z for A in its first name."""
    import base64

    body = base64.b64decode("".join(csr.splitlines()[1:-1]))
    changed = base64.b64encode(body.replace(b"wrong-signature", b"wrong-SIGNATURE")).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{changed}\n-----END CERTIFICATE REQUEST-----\n"


def lines(authority_pem: str) -> list[str]:
    """A good device, and one row for each thing that can be wrong."""
    good = generate_private_key("EC_prime256v1")
    return [
        line("good-1", csr_of("good-1", good)),
        line("missing", csr_path="nowhere.csr"),
        line("unreadable", csr_path="folder"),
        line("no-csr"),
        line("not-pem", "no PEM at all"),
        line("not-a-csr", authority_pem),
        line("wrong-signature", damaged(csr_of("wrong-signature"))),
        line("short-rsa", csr_of("short-rsa", rsa.generate_private_key(65537, 1024))),
        line("odd-curve", csr_of("odd-curve", ec.generate_private_key(ec.SECP521R1()))),
        line("no-subject", csr_of("")),
        line("other-name", csr_of("good-1")),
        line("twin", csr_of("twin", good)),
        line("good-1", csr_of("good-1")),
        line(LONG, csr_of("x")),
        line("bad name", csr_of("bad name")),
    ]


@pytest.fixture(scope="module")
def authority(run_bootstrap: Run) -> Any:
    """The bootstrap's report of the tenant."""
    key = {"key_algorithm": "EC_prime256v1"}
    facts = {"tenant": "acme", "certificate_authority": key, "canary": False}
    return run_bootstrap(BootstrapRequest.model_validate(facts)).report


@pytest.fixture(scope="module")
def mixed(desk: Path, authority: Any, run_issue: Run) -> tuple[Any, list[dict[str, str]]]:
    """A manifest with every bad row run once: what ran, and the rows of report.csv."""
    manifest = desk / "mixed.jsonl"
    (desk / "folder").mkdir()
    manifest.write_text("\n".join(lines(authority.authority_certificate_pem)) + "\n")
    out = str(desk / "mixed")
    # in two chunks: a batch of one has a report as soon as there is something to tell
    request = IssueRequest(tenant="acme", manifest=str(manifest), out=out, chunk_size=10)
    ran = run_issue(request)
    with (desk / "mixed" / "report.csv").open(newline="") as stream:
        return ran, list(csv.DictReader(stream))


@pytest.mark.parametrize("device", [pytest.param(name, id=name[:20]) for name in REASONS])
def test_a_bad_row_is_refused_with_its_reason(
    mixed: tuple[Any, list[dict[str, str]]], device: str
) -> None:
    """report.csv tells the row, and what is wrong with it."""
    _, rows = mixed
    refused = [row for row in rows if row["device_id"] == device and row["outcome"] == "refused"]
    assert len(refused) == 1
    number = rows.index(refused[0]) + 1
    assert refused[0]["reason"].startswith(f"row {number}: ")
    assert REASONS[device] in refused[0]["reason"]
    assert refused[0]["certificate_arn"] == refused[0]["certificate"] == ""


def test_only_the_good_row_costs_money(mixed: tuple[Any, list[dict[str, str]]]) -> None:
    """One IssueCertificate for the manifest, and exit code 3."""
    ran, rows = mixed
    assert ran.calls["acm-pca.IssueCertificate"] == {"ok": 1}
    assert (ran.report.requested, ran.report.issued) == (len(REASONS) + 1, 1)
    assert ran.report.refused == len(REASONS) == len([r for r in rows if r["reason"]])
    assert ran.report.exit_code() == 3


def test_the_artifact_tells_who_was_refused(
    mixed: tuple[Any, list[dict[str, str]]], page: Callable[..., Any]
) -> None:
    """Prefect's UI shows the devices without a certificate and why."""
    artifact = page("issue")
    assert artifact is not None
    assert "| short-rsa | the CSR's RSA key has 1024 bits" in str(artifact.data)


def test_the_progress_artifact_ends_at_the_last_row(
    mixed: tuple[Any, list[dict[str, str]]], page: Callable[..., Any]
) -> None:
    """Prefect's UI shows a bar, with what became of the devices so far."""
    artifact = page("progress")
    assert artifact is not None
    assert artifact.data == 100
    assert f"| refused | {len(REASONS)} |" in str(artifact.description)


def test_a_batch_of_one_chunk_shows_its_report_alone(
    desk: Path, mixed: object, run_issue: Run, page: Callable[..., Any]
) -> None:
    """A bar that is full when it is first drawn tells nothing that the report does not."""
    before = page("progress")
    manifest = desk / "small.jsonl"
    manifest.write_text(line("small-1", csr_of("small-1")))
    run_issue(IssueRequest(tenant="acme", manifest=str(manifest), out=str(desk / "small")))
    after, report = page("progress"), page("issue")
    assert before is not None
    assert after is not None
    assert after.id == before.id
    assert report is not None
    assert "small" in str(report.data)


def announced(said: str, *names: str) -> dict[str, Any]:
    """The payloads in which something is said, by their events, as soon as all of these came."""
    from prefect.client.orchestration import get_client

    events = {"prefix": ["birthcert.batch."]}
    end = time.monotonic() + 60
    found: dict[str, Any] = {}
    with get_client(sync_client=True) as client:
        while not set(names) <= found.keys():
            assert time.monotonic() < end, f"only {sorted(found)} came"
            answer = client._client.post("/events/filter", json={"filter": {"event": events}})
            heard = [each for each in answer.json()["events"] if said in str(each["payload"])]
            found = {each["event"].rpartition(".")[2]: each["payload"] for each in heard}
    return found


def test_a_batch_is_announced(mixed: tuple[Any, list[dict[str, str]]]) -> None:
    """Automations hear of its start, its end, and that it has refusals."""
    wanted = {"started": "devices", "done": "issued", "refused": "refused"}
    found = announced("mixed", *wanted)
    counts = {name: found[name][fact] for name, fact in wanted.items()}
    assert counts == {"started": len(REASONS) + 1, "done": 1, "refused": len(REASONS)}


def test_a_batch_that_cannot_go_on_is_announced(
    desk: Path, authority: Any, run_issue: Run, sandbox: Sandbox
) -> None:
    """Automations hear that AWS has taken the right to issue away, and with which words."""
    manifest = desk / "denied.jsonl"
    manifest.write_text(line("denied-1", csr_of("denied-1")))
    denial = {"effect": "error", "code": "AccessDeniedException", "status": 400}
    sandbox.state.knobs.update(
        {"calls": [{"action": "acm-pca.IssueCertificate", "message": "no more", **denial}]}
    )
    with pytest.raises(AwsCallFailed):
        run_issue(IssueRequest(tenant="acme", manifest=str(manifest), out=str(desk / "denied")))
    sandbox.state.knobs.reset()
    assert "no more" in announced("denied.jsonl", "failed")["failed"]["error"]


def test_a_batch_that_goes_on_is_announced(
    desk: Path, authority: Any, run_issue: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Automations hear how far it is; here without the minute that lies between two events."""
    monkeypatch.setattr("flows.progress.EVENT_SECONDS", 0.0)
    manifest = desk / "onward.jsonl"
    manifest.write_text(line("onward-1", csr_of("onward-1")))
    run_issue(IssueRequest(tenant="acme", manifest=str(manifest), out=str(desk / "onward")))
    assert announced("seconds_left", "progress")["progress"]["done"] == 1


def test_a_device_that_aws_refuses_has_the_request_id(
    desk: Path, authority: Any, run_issue: Run, sandbox: Sandbox
) -> None:
    """Its reason in report.csv ends with what AWS's support asks for; the other one is issued."""
    manifest = desk / "asked.jsonl"
    manifest.write_text("\n".join(line(f"asked-{n}", csr_of(f"asked-{n}")) for n in range(2)))
    refusal = {"action": "acm-pca.IssueCertificate", "effect": "error", "nth": 1, "times": 1}
    sandbox.state.knobs.update({"calls": [{**refusal, "code": "MalformedCSRException",
                                           "status": 400, "message": "not this one"}]})  # fmt: skip
    ran = run_issue(IssueRequest(tenant="acme", manifest=str(manifest), out=str(desk / "asked")))
    sandbox.state.knobs.reset()
    assert (ran.report.issued, ran.report.failed) == (1, 1)
    with (desk / "asked" / "report.csv").open(newline="") as stream:
        [reason] = [row["reason"] for row in csv.DictReader(stream) if row["reason"]]
    assert re.search(r"not this one \(request id [0-9a-f-]{36}\)", reason)


def test_a_thousand_rows_of_which_three_are_bad(
    desk: Path, authority: Any, run_issue: Run, sandbox: Sandbox
) -> None:
    """997 are issued, 3 refused: ten chunks, each certificate bought once."""
    sandbox.state.knobs.update({"issuance_seconds": (0.0, 0.0)})
    rows = [line(f"unit-{n}", csr_of(f"unit-{n}")) for n in range(1000)]
    for bad in (0, 499, 999):
        rows[bad] = line(f"unit-{bad}", "no PEM at all")
    manifest = desk / "thousand.jsonl"
    manifest.write_text("\n".join(rows) + "\n")
    ran = run_issue(IssueRequest(tenant="acme", manifest=str(manifest), out=str(desk / "thousand")))
    report = ran.report
    assert (report.requested, report.issued, report.refused, report.failed) == (1000, 997, 3, 0)
    assert ran.calls["acm-pca.IssueCertificate"] == {"ok": 997}
    assert report.exit_code() == 3
    with (desk / "thousand" / "report.csv").open(newline="") as stream:
        order = [row["device_id"] for row in csv.DictReader(stream)]
    assert order == [f"unit-{n}" for n in range(1000)]
    assert len(list((desk / "thousand").glob("*/chain.pem"))) == 997
