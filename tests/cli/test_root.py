"""A root of one's own from the command line: made, and a CA signed in two halves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Birthcert

ROOT = ("--root-key", "root.key", "--root-certificate", "root.pem")
ACME = ("--tenant", "acme", "--authority", "offline-root", "--key-algorithm", "EC_prime256v1")
SIGN = ("root", "sign", *ROOT, "--path-length", "0")


@pytest.fixture(scope="module")
def passphrase(desk: Path) -> Iterator[None]:
    """In the environment of all commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIRTHCERT_ROOT_PASSPHRASE", "correct horse battery")
        yield


@pytest.fixture
def root(birthcert: Birthcert, desk: Path, passphrase: None) -> Path:
    """root.key and root.pem in the working folder, made by the first test that needs them."""
    if not (desk / "root.key").exists():
        name = ("--common-name", "ACME", "--key-algorithm", "EC_secp384r1")
        assert birthcert("root", "create", *ROOT, *name).code == 0
    return desk


def facts(printed: str) -> dict[str, Any]:
    """The one JSON document on stdout."""
    document: dict[str, Any] = json.loads(printed)
    return document


def test_a_ceremony_in_two_halves(birthcert: Birthcert, root: Path) -> None:
    """The bootstrap ends with the CSR, the root signs it, and the next bootstrap goes on."""
    bootstrap = ("bootstrap", *ACME, "--root-certificate", "root.pem", "--no-canary")
    first = birthcert(*bootstrap, "--json")
    waits = facts(first.out)
    assert (first.code, waits["path_length"], waits["validity_days"]) == (3, 0, 3650)
    assert Path(waits["csr"]).read_text() == waits["csr_pem"]
    assert "acm-pca.ImportCertificateAuthorityCertificate" not in first.calls

    again = birthcert(*bootstrap)
    assert (again.code, again.changing_calls) == (3, [])
    assert waits["csr_sha256"] in again.out
    assert "--ca-certificate acme-eu-west-1-ca.pem" in again.out

    pinned = ("--csr-sha256", waits["csr_sha256"], "--signed-by", "A. Keeper")
    signed = birthcert(*SIGN, "--csr", waits["csr"], "--out", "ca.pem", *pinned, "--json")
    record = facts(signed.out)
    assert (signed.code, signed.calls) == (0, {})
    assert json.loads((root / "ca.pem.json").read_text()) == record
    assert (record["signed_by"], record["csr_sha256"]) == ("A. Keeper", waits["csr_sha256"])

    second = birthcert(*bootstrap, "--ca-certificate", "ca.pem", "--json")
    report = facts(second.out)
    assert (second.code, report["authority_arn"]) == (0, waits["authority_arn"])
    assert (
        report["authority_certificate_pem"].split()
        == (
            (root / "ca.pem").read_text().split("-----END")[0] + "-----END CERTIFICATE-----"
        ).split()
    )

    third = birthcert(*bootstrap)
    assert (third.code, third.changing_calls) == (0, [])


def test_the_plan_of_an_offline_root_names_its_end(birthcert: Birthcert, root: Path) -> None:
    """The root's files are opened, the chain is shown, and nothing is touched."""
    ended = birthcert("plan", "--tenant", "globex", *ACME[2:], *ROOT, "--json")
    plan = facts(ended.out)
    assert (ended.code, ended.changing_calls) == (0, [])
    assert [link["name"] for link in plan["chain"]] == ["the CA of globex", "CN=ACME"]
    assert plan["first_end"] == plan["chain"][0]["not_after"]
    assert "sign_ca_certificate" in [step["step"] for step in plan["steps"]]


def test_the_plan_of_a_short_lived_ca_says_how_to_renew(birthcert: Birthcert, desk: Path) -> None:
    """Seven days at most, its own price, and how many certificates a device needs a month."""
    ended = birthcert("plan", "--tenant", "globex", "--usage-mode", "SHORT_LIVED_CERTIFICATE")
    assert (ended.code, ended.changing_calls) == (0, [])
    assert "50.00 USD more a month and 0.06 USD once" in ended.out
    assert "8 certificates a device a month, 0.46 USD" in ended.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(
            ("root", "create", *ROOT, "--common-name", "ACME"), "never overwritten", id="overwrite"
        ),
        pytest.param(
            ("root", "create", "--root-key", "a", "--root-certificate", "b", "--common-name", " "),
            "needs a common name",
            id="no name",
        ),
        pytest.param(
            ("root", "create", "--root-key", "a", "--root-certificate", "a", "--common-name", "x"),
            "are one file",
            id="one file",
        ),
        pytest.param(
            (*SIGN, "--csr", "some.csr", "--out", "out.pem", "--csr-sha256", "0" * 64),
            "is not the one to be signed",
            id="another CSR",
        ),
        pytest.param(
            (*SIGN, "--csr", "root.pem", "--out", "out.pem"),
            "holds a CERTIFICATE, not a CERTIFICATE REQUEST",
            id="no CSR",
        ),
        pytest.param(
            (*SIGN, "--csr", "some.csr", "--out", "root.pem"), "is there already", id="out is there"
        ),
        pytest.param(
            (*SIGN, "--csr", "some.csr", "--out", "out.pem", "--validity-days", "73000"),
            "would outlive its root",
            id="too long",
        ),
        pytest.param(
            ("bootstrap", *ACME, "--root-key", "root.key"),
            "name both: --root-key and --root-certificate",
            id="key alone",
        ),
        pytest.param(
            ("bootstrap", "--tenant", "acme", "--root-certificate", "root.pem"),
            "the authority is pca-root",
            id="root of another mode",
        ),
        pytest.param(
            ("plan", "--tenant", "acme", "--authority", "existing"),
            "existing without an authority's ARN",
            id="no ARN",
        ),
        pytest.param(
            ("plan", "--tenant", "acme", "--key-algorithm", "ML_DSA_65"),
            "AWS IoT lists no ML-DSA",
            id="key algorithm",
        ),
        pytest.param(
            ("plan", *ACME, "--verification-template", "SubordinateCACertificate_PathLen0/V1"),
            "a CA of path length 0 issues none [7]",
            id="path length",
        ),
    ],
)
def test_what_cannot_be_ends_with_one_line(
    birthcert: Birthcert, root: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """Exit code 2: nothing was touched, and nothing was written."""
    from birthcert.models import Subject
    from birthcert.pki.algorithms import generate_private_key
    from birthcert.pki.csr import build_csr

    (root / "some.csr").write_bytes(
        build_csr(generate_private_key("EC_prime256v1"), Subject(common_name="a CA"))
    )
    before = sorted(root.iterdir())
    ended = birthcert(*arguments)
    assert (ended.code, ended.changing_calls) == (2, [])
    assert len(ended.errors) == 1
    assert problem in ended.errors[0]
    assert sorted(root.iterdir()) == before
