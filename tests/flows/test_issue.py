"""The flow `issue`: CSRs in, certificates out, once for each device."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.certificates import load_certificate, template_problems
from birthcert.pki.csr import build_csr

Run = Callable[[Any], Any]
DEVICES = {"press-1": "RSA_2048", "press-2": "EC_prime256v1", "press-3": "EC_secp384r1"}
CA_DAYS = 365


def openssl(*arguments: str | Path, text: str = "") -> str:
    """The output of openssl, which must succeed."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def request(desk: Path, out: str = "out", **facts: Any) -> IssueRequest:
    """A request for the manifest in the desk's folder."""
    return IssueRequest.model_validate(
        {"tenant": "acme", "manifest": str(desk / "manifest.csv"), "out": str(desk / out), **facts}
    )


def report_of(out: Path) -> dict[str, dict[str, str]]:
    """report.csv by device."""
    with (out / "report.csv").open(newline="") as stream:
        return {row["device_id"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def authority(desk: Path, run_bootstrap: Run) -> Any:
    """The bootstrap's report of a tenant whose CA lasts a year; its certificate is in ca.pem."""
    report = run_bootstrap(
        BootstrapRequest.model_validate(
            {
                "tenant": "acme",
                "canary": False,
                "certificate_authority": {
                    "key_algorithm": "EC_prime256v1",
                    "validity_days": CA_DAYS,
                },
            }
        )
    ).report
    (desk / "ca.pem").write_text(report.authority_certificate_pem)
    return report


@pytest.fixture(scope="module")
def manifest(desk: Path) -> Path:
    """Three devices with CSRs beside the manifest, of each kind of key."""
    lines = ["device_id,csr"]
    for device, algorithm in DEVICES.items():
        key = generate_private_key(algorithm)  # type: ignore[arg-type]
        (desk / f"{device}.csr").write_bytes(build_csr(key, Subject(common_name=device)))
        lines.append(f"{device},{device}.csr")
    path = desk / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def runs(desk: Path, authority: Any, manifest: Path, run_issue: Run) -> dict[str, Any]:
    """The manifest certified, again, and once more after files went away."""
    asked = request(desk)
    first = run_issue(asked)
    report = report_of(desk / "out")
    again = run_issue(asked)
    (desk / "out" / "press-1" / "certificate.pem").unlink()
    chain = desk / "out" / "press-2" / "chain.pem"
    whole = chain.read_text()
    chain.write_text(whole[:100])
    repaired = run_issue(asked)
    return {
        "first": first,
        "again": again,
        "repaired": repaired,
        "report": report,
        "report again": report_of(desk / "out"),
        "cut short": whole,
    }


def counts(ran: Any) -> tuple[int, ...]:
    """requested, issued, existing, refused, failed."""
    report = ran.report
    return (report.requested, report.issued, report.existing, report.refused, report.failed)


def test_every_device_is_certified(runs: dict[str, Any]) -> None:
    """One IssueCertificate for each of the devices, and exit code 0."""
    assert counts(runs["first"]) == (3, 3, 0, 0, 0)
    assert runs["first"].calls["acm-pca.IssueCertificate"] == {"ok": 3}
    assert runs["first"].report.exit_code() == 0


def test_a_second_run_issues_nothing(runs: dict[str, Any]) -> None:
    """The ledger knows the certificates and the files are there: Private CA is only described."""
    assert counts(runs["again"]) == (3, 0, 3, 0, 0)
    assert not [name for name in runs["again"].calls if name.endswith(".IssueCertificate")]
    assert not [name for name in runs["again"].calls if name.endswith(".GetCertificate")]


def test_lost_files_are_written_again(runs: dict[str, Any], desk: Path) -> None:
    """A file that is gone or cut short is fetched once more, not bought."""
    assert counts(runs["repaired"]) == (3, 0, 3, 0, 0)
    assert "acm-pca.IssueCertificate" not in runs["repaired"].calls
    assert runs["repaired"].calls["acm-pca.GetCertificate"]["ok"] == 2
    assert (desk / "out" / "press-2" / "chain.pem").read_text() == runs["cut short"]
    assert (desk / "out" / "press-1" / "certificate.pem").exists()


def test_the_report_has_a_row_for_each_device(runs: dict[str, Any], desk: Path) -> None:
    """Outcome, serial number, ARN, end and file; the later run's rows differ in the outcome."""
    for device in DEVICES:
        row, later = dict(runs["report"][device]), dict(runs["report again"][device])
        certificate = load_certificate(Path(row["certificate"]).read_bytes())
        assert int(row["serial_number"].replace(":", ""), 16) == certificate.serial_number
        assert row["not_after"] == certificate.not_valid_after_utc.isoformat()
        assert row["certificate_arn"].startswith("arn:aws:acm-pca:eu-west-1:")
        assert (row.pop("outcome"), later.pop("outcome")) == ("issued", "existing")
        assert row == later


@pytest.mark.parametrize("device", DEVICES)
def test_openssl_takes_the_chain(runs: dict[str, Any], desk: Path, device: str) -> None:
    """The chain is good for a TLS client, and begins with the device's own certificate."""
    folder = desk / "out" / device
    chain = folder / "chain.pem"
    checked = openssl("verify", "-purpose", "sslclient", "-CAfile", desk / "ca.pem",
                      "-untrusted", chain, chain)  # fmt: skip
    own, issuer = x509.load_pem_x509_certificates(chain.read_bytes())
    assert checked.strip() == f"{chain}: OK"
    assert own == load_certificate((folder / "certificate.pem").read_bytes())
    assert issuer == load_certificate((desk / "ca.pem").read_bytes())
    csr = desk / f"{device}.csr"
    assert openssl("x509", "-in", chain, "-pubkey", "-noout") == openssl(
        "req", "-in", csr, "-pubkey", "-noout"
    )


@pytest.mark.parametrize("device", DEVICES)
def test_the_extensions_are_the_templates(runs: dict[str, Any], desk: Path, device: str) -> None:
    """EndEntityClientAuthCertificate/V1 exactly, by our own check and by openssl's [7]."""
    path = desk / "out" / device / "certificate.pem"
    certificate = load_certificate(path.read_bytes())
    assert template_problems(certificate, "EndEntityClientAuthCertificate/V1") == []
    assert extensions_by_openssl(path) == {
        "X509v3 Basic Constraints:": "CA:FALSE",
        "X509v3 Authority Key Identifier:": subject_key_identifier(desk / "ca.pem"),
        "X509v3 Subject Key Identifier:": subject_key_identifier(path),
        "X509v3 Key Usage: critical": "Digital Signature, Key Encipherment",
        "X509v3 Extended Key Usage:": "TLS Web Client Authentication",
    }


def extensions_by_openssl(path: Path) -> dict[str, str]:
    """Each extension's line in `openssl x509 -text` (with its criticality) and what it says."""
    text = openssl("x509", "-in", path, "-noout", "-text")
    lines = text.partition("X509v3 extensions:\n")[2].partition("    Signature Alg")[0].splitlines()
    return {
        name.strip(): value.strip() for name, value in zip(lines[::2], lines[1::2], strict=True)
    }


def subject_key_identifier(path: Path) -> str:
    """The identifier of a certificate's key, as openssl writes it."""
    text = openssl("x509", "-in", path, "-noout", "-ext", "subjectKeyIdentifier")
    return text.splitlines()[1].strip()


def test_validity_is_cut_to_the_authoritys(runs: dict[str, Any], authority: Any) -> None:
    """3640 days asked of a CA that has a year left end with the CA, not after it [8]."""
    ends = {row["not_after"] for row in runs["report"].values()}
    assert len(ends) == 1
    assert ends.pop() <= authority.authority_not_after


def test_the_artifact_counts_the_devices(runs: dict[str, Any], page: Callable[..., Any]) -> None:
    """Prefect's UI shows the last batch."""
    artifact = page("issue")
    assert artifact is not None
    assert "| requested |" in str(artifact.data)


def test_a_new_csr_gets_a_new_certificate(
    desk: Path, runs: dict[str, Any], run_issue: Run, tmp_path: Path
) -> None:
    """A device that made itself another key is certified again, for the days asked."""
    csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name="press-1"))
    line = json.dumps({"device_id": "press-1", "csr": csr.decode()})
    (tmp_path / "new.jsonl").write_text(line + "\n")
    ran = run_issue(
        request(desk, out="new", manifest=str(tmp_path / "new.jsonl"), validity_days=10,
                template="EndEntityCertificate/V1")
    )  # fmt: skip
    certificate = load_certificate((desk / "new" / "press-1" / "certificate.pem").read_bytes())
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert counts(ran) == (1, 1, 0, 0, 0)
    assert (life.days, life.seconds) == (10, 3600)
    assert template_problems(certificate, "EndEntityCertificate/V1") == []


def test_the_manifest_names_devices_whose_csrs_have_no_subject(
    desk: Path, authority: Any, run_issue: Run, tmp_path: Path
) -> None:
    """As the recipe makes them (-subj /): the subject comes by the APIPassthrough template."""
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", tmp_path / "bare.key", "-subj", "/",
            "-out", tmp_path / "bare.csr")  # fmt: skip
    (tmp_path / "manifest.csv").write_text(
        "device_id,csr,organization,country\nbare-1,bare.csr,Acme Presses,DE\n"
    )
    ran = run_issue(
        request(desk, out="bare", manifest=str(tmp_path / "manifest.csv"), subject="from-manifest")
    )
    path = desk / "bare" / "bare-1" / "certificate.pem"
    subject = openssl("x509", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253")
    assert counts(ran) == (1, 1, 0, 0, 0)
    assert set(subject.strip().removeprefix("subject=").split(",")) == {
        "CN=bare-1",
        "O=Acme Presses",
        "C=DE",
    }
    assert extensions_by_openssl(path)["X509v3 Extended Key Usage:"] == (
        "TLS Web Client Authentication"
    )


def test_generated_keys_are_nowhere_in_the_clear(
    desk: Path, authority: Any, run_issue: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys of a test fleet are encrypted, mode 0600, and neither log nor state knows them."""
    from prefect import settings

    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    (tmp_path / "manifest.csv").write_text("device_id\nlab-1\nlab-2\n")
    ran = run_issue(
        request(desk, out="lab", manifest=str(tmp_path / "manifest.csv"),
                generate_keys="EC_prime256v1", key_passphrase_file=str(passphrase))
    )  # fmt: skip
    assert counts(ran) == (2, 2, 0, 0, 0)
    for device in ("lab-1", "lab-2"):
        key = desk / "lab" / device / "private.pem"
        assert key.stat().st_mode & 0o777 == 0o600
        public = openssl("pkey", "-in", key, "-passin", f"file:{passphrase}", "-pubout")
        certificate = desk / "lab" / device / "certificate.pem"
        assert public == openssl("x509", "-in", certificate, "-noout", "-pubkey")
    url = str(settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    database = Path(url.partition("///")[2]).parent
    texts = [
        path.read_bytes()
        for folder in (desk, database)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    texts.append(caplog.text.encode())
    keys = [text.replace(b"ENCRYPTED PRIVATE KEY", b"") for text in texts]
    assert sum(text.count(b"BEGIN ENCRYPTED PRIVATE KEY") for text in texts) == 2
    assert not any(b"PRIVATE KEY" in text or b"correct horse" in text for text in keys)
