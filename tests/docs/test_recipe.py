"""docs/recipe.md: the written recipe by the real aws CLI and openssl, against the sandbox."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.models import Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.certificates import certificate_id, load_certificate, template_problems
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "recipe.md"
BLOCK = re.compile(
    r"^## (?P<title>[^\n]+)$"
    r"|^```sh\n(?P<text>.*?)^```\n\n(?:\*\*Refused\*\* with `(?P<code>\w+)`)?",
    re.MULTILINE | re.DOTALL,
)
# variables live on from block to block, as in the shell of someone who types them
SHELL = "set -euo pipefail; set -a; if [ -f .shell ]; then . ./.shell; fi\n{}\nexport -p > .shell\n"
needs_mosquitto = pytest.mark.skipif(
    not shutil.which("mosquitto_pub"), reason="MOSQUITTO IS NOT INSTALLED: apt install it"
)


@dataclass(frozen=True)
class Step:
    """A block of the page that was run; `code` is the error that AWS must answer."""

    name: str
    code: str
    exit_code: int
    errors: str


def blocks() -> list[tuple[str, str, str]]:
    """Name, commands and expected error of each shell block, in the page's order."""
    title, number, found = "", 0, []
    for match in BLOCK.finditer(PAGE.read_text()):
        if match["title"]:
            title, number = match["title"], 0
            continue
        number += 1
        found.append((f"{title} {number}", match["text"], match["code"] or ""))
    return found


NAMES = [name for name, _, _ in blocks()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recipe is typed."""
    return tmp_path_factory.mktemp("recipe")


@pytest.fixture(scope="module")
def steps(sandbox: Sandbox, folder: Path) -> dict[str, Step]:
    """Every block run, in order; one that is refused leaves the shell as it was."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "AWS_PAGER": "", **sandbox.environment}
    done = {}
    for name, text, code in blocks():
        ended = subprocess.run(
            ["bash", "-c", SHELL.format(text)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        done[name] = Step(name, code, ended.returncode, ended.stderr)
    return done


@pytest.fixture
def aws(steps: dict[str, Step], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AwsAccess:
    """The account that the recipe was run on."""
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return AwsAccess("eu-west-1", retry_seconds=3)


def fact(folder: Path, file: str, name: str) -> str:
    """A member of an answer that the recipe kept."""
    return str(json.loads((folder / "ca" / file).read_text())[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_aws_answers(steps: dict[str, Step], name: str) -> None:
    """A step that is marked as refused fails with that error, the others succeed."""
    step = steps[name]
    if step.code:
        assert step.exit_code != 0
        assert f"An error occurred ({step.code})" in step.errors
    else:
        assert step.exit_code == 0, step.errors


def test_three_of_the_recipes_steps_are_refused() -> None:
    """The page marks what the rules say: a foreign key, an unknown parameter, no subject."""
    assert [code for _, _, code in blocks() if code] == [
        "MalformedCertificateException",
        "InvalidRequestException",
        "MalformedCSRException",
    ]


def test_the_refused_template_is_refused_for_its_parameter(steps: dict[str, Step]) -> None:
    """AWS names the parameter that it does not have."""
    assert "OrganizationName" in steps["The template 1"].errors


def test_the_verification_certificate_is_a_sub_ca_for_ten_years(
    steps: dict[str, Step], folder: Path
) -> None:
    """Its key lies in the clear beside it."""
    certificate = load_certificate((folder / "certs" / "iot-ca.crt").read_bytes())
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert template_problems(certificate, "SubordinateCACertificate_PathLen0/V1") == []
    assert life.days == 3640
    assert "ENCRYPTED" not in (folder / "private" / "iot-ca.key").read_text()


def test_a_roots_chain_is_the_root(steps: dict[str, Step], folder: Path) -> None:
    """The chain that was registered is the CA's own certificate, because this CA is a root."""
    (chain,) = x509.load_pem_x509_certificates((folder / "certs" / "iot-ca-chain.crt").read_bytes())
    assert chain == load_certificate((folder / "certs" / "pca.crt").read_bytes())
    registered = fact(folder, "register-ca-certificate.json", "certificateId")
    assert registered == certificate_id(chain)


def test_the_role_has_no_permission_and_trusts_any_account(aws: AwsAccess) -> None:
    """The template was taken all the same."""
    role = aws.call("iam", "GetRole", RoleName="ACME-IOT-JIT-PROV")["Role"]
    attached = aws.call("iam", "ListAttachedRolePolicies", RoleName="ACME-IOT-JIT-PROV")
    assert attached["AttachedPolicies"] == []
    assert "aws:SourceAccount" not in json.dumps(role["AssumeRolePolicyDocument"])


def test_the_thing_type_is_nowhere(aws: AwsAccess) -> None:
    """What the template names was made by no step."""
    assert aws.pages("iot", "ListThingTypes", "thingTypes") == []


def test_a_token_of_the_clock_buys_a_second_authority(aws: AwsAccess) -> None:
    """The recipe's token differs at each run, so AWS makes another CA [6]."""
    configuration = {
        "KeyAlgorithm": "RSA_2048",
        "SigningAlgorithm": "SHA256WITHRSA",
        "Subject": {"Organization": "ACME", "CommonName": "ACME device CA"},
    }
    tokens = ["20240101000000", "20240101000000", "20240101000001"]
    arns = [
        aws.call(
            "acm-pca",
            "CreateCertificateAuthority",
            CertificateAuthorityConfiguration=configuration,
            CertificateAuthorityType="ROOT",
            IdempotencyToken=token,
        )["CertificateAuthorityArn"]
        for token in tokens
    ]
    assert arns[0] == arns[1] != arns[2]


def publish(sandbox: Sandbox, folder: Path, name: str) -> bool:
    """The recipe's last command by another client: whether the message was taken."""
    port = str(sandbox.description.facts()["mqtt_port"])
    (folder / "foo.txt").write_text("from a file")
    command = ["mosquitto_pub", "-h", "localhost", "-p", port, "-q", "1", "-i", name,
               "--cafile", str(sandbox.description.facts()["server_ca"]),
               "--cert", "certs/device_chain.crt", "--key", "private/device.key",
               "-t", "FOO", "-f", "foo.txt"]  # fmt: skip
    ended = subprocess.run(command, cwd=folder, capture_output=True, timeout=30, check=False)
    return ended.returncode == 0


@needs_mosquitto
def test_a_device_is_not_provisioned(
    aws: AwsAccess, sandbox: Sandbox, folder: Path, steps: dict[str, Step]
) -> None:
    """The first connection leaves the certificate in PENDING_ACTIVATION, and so does the next."""
    assert not publish(sandbox, folder, "press-1")
    assert not publish(sandbox, folder, "press-1")
    chain = x509.load_pem_x509_certificates((folder / "certs" / "device_chain.crt").read_bytes())
    described: dict[str, Any] = aws.call(
        "iot", "DescribeCertificate", certificateId=certificate_id(chain[0])
    )
    assert described["certificateDescription"]["status"] == "PENDING_ACTIVATION"
    assert aws.pages("iot", "ListThings", "things") == []
    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/provisioning", timeout=10) as page:
        assert "AWSIoTThingsRegistration" in json.load(page)["provisioning"][0]["reason"]


@needs_mosquitto
def test_done_right_a_device_is_provisioned(
    aws: AwsAccess, sandbox: Sandbox, folder: Path, steps: dict[str, Step]
) -> None:
    """With the role's permissions and the thing type a new device connects the second time."""
    aws.call("iam", "AttachRolePolicy", RoleName="ACME-IOT-JIT-PROV",
             PolicyArn="arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration")  # fmt: skip
    aws.call("iot", "CreateThingType", thingTypeName="UnifiedAgent")
    key = generate_private_key("EC_prime256v1")
    issued = private_ca.wait_for_certificate(
        aws,
        fact(folder, "ca-root-arn.json", "CertificateAuthorityArn"),
        aws.call(
            "acm-pca",
            "IssueCertificate",
            CertificateAuthorityArn=fact(folder, "ca-root-arn.json", "CertificateAuthorityArn"),
            Csr=build_csr(key, Subject(common_name="press-2")),
            SigningAlgorithm="SHA256WITHRSA",
            Validity={"Type": "DAYS", "Value": 1},
        )["CertificateArn"],
    )
    (folder / "certs" / "device_chain.crt").write_text(issued.certificate_pem)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "private" / "device.key").write_bytes(plain)
    assert [publish(sandbox, folder, "press-2") for _ in range(2)] == [False, True]
    things = aws.pages("iot", "ListThings", "things")
    assert [(thing["thingName"], thing["thingTypeName"]) for thing in things] == [
        ("press-2", "UnifiedAgent")
    ]
