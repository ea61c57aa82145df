"""No key and no passphrase of a run is in Prefect's database, its API, logs, results or state."""

import base64
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr

from birthcert.models import (
    BootstrapRequest,
    CanaryRequest,
    IssueRequest,
    RootRequest,
    Subject,
)
from birthcert.roots import RootFiles, create_root

PASSPHRASES = {"key": "correct horse battery", "root": "a stone under the gate"}
EXTERNAL_ID = "what-only-the-role-knows"
ROLE = "arn:aws:iam::333333333333:role/birthcert"
TOLD_SECONDS = 60.0
# the root hears those that pass their lines on; Prefect's do not
HEARD = ("", "birthcert", "prefect.flow_runs", "prefect.task_runs")
KINDS = ("flow_runs", "task_runs", "logs", "artifacts", "block_documents", "deployments")


@dataclass
class Hunt:
    """What must be found nowhere, and the places to look at."""

    secrets: dict[str, list[bytes]] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def add_text(self, name: str, text: str) -> None:
        """A secret in the clear, in base64 and in hex."""
        data = text.encode()
        self.secrets[name] = [data, base64.b64encode(data).rstrip(b"="), data.hex().encode()]

    def add_key(self, key: Any) -> None:
        """A private key: unencrypted in any format, or its number."""
        numbers = key.private_numbers()
        number = numbers.d if isinstance(key, rsa.RSAPrivateKey) else numbers.private_value
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        forms = [str(number).encode(), raw, raw.hex().encode(), base64.b64encode(raw)[:-4]]
        is_rsa, clear = isinstance(key, rsa.RSAPrivateKey), serialization.NoEncryption()
        formats = serialization.PrivateFormat
        for style, secret_lines in ((formats.PKCS8, 2), (formats.TraditionalOpenSSL, 1)):
            pem = key.private_bytes(serialization.Encoding.PEM, style, clear).splitlines()[1:-1]
            # lines with nothing of the public key alone: that one is in certificates too
            forms += pem[-4:-2] if is_rsa else pem[:secret_lines]
        self.secrets[f"key {len(self.secrets)}"] = forms

    def found(self, *texts: str) -> list[str]:
        """The names of the secrets that are in a file of the folders or in the texts."""
        return list(dict.fromkeys(name for name, _ in self.forms_found(*texts)))

    def forms_found(self, *texts: str) -> list[tuple[str, bytes]]:
        """The same with the form of each that was found."""
        places = [text.encode(errors="surrogateescape") for text in texts]
        for folder in self.folders:
            places += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        return [
            (name, form)
            for name, forms in self.secrets.items()
            for form in forms
            if any(form in place for place in places)
        ]


class Listener(logging.Handler):
    """Hears every log line of every level, with all its facts."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """The line, and what a formatter might make of it."""
        self._lines.append(f"{record.getMessage()} {record.__dict__}")


@pytest.fixture(scope="module")
def hunt(desk: Path) -> Iterator[Hunt]:
    """Every key that is made in this process is hunted for: devices', canary's, proof's, root's."""
    from prefect import settings

    url = str(settings.PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
    hunt = Hunt(folders=[desk / "state", desk / "out", Path(url.partition("///")[2]).parent])
    with pytest.MonkeyPatch.context() as patch:
        for module in (ec, rsa):

            def made(
                *arguments: Any,
                make: Callable[..., Any] = module.generate_private_key,
                **facts: Any,
            ) -> Any:
                key = make(*arguments, **facts)
                hunt.add_key(key)
                return key

            patch.setattr(module, "generate_private_key", made)
        patch.setenv("BIRTHCERT_KEY_PASSPHRASE", PASSPHRASES["key"])
        listener, loggers = Listener(hunt.lines), [logging.getLogger(name) for name in HEARD]
        for logger in loggers:
            logger.addHandler(listener)
            patch.setattr(logger, "level", logging.DEBUG)
        yield hunt
        for logger in loggers:
            logger.removeHandler(listener)


@pytest.fixture(scope="module")
def blocks(desk: Path, hunt: Hunt) -> None:
    """An AWS Account with an external id and an Offline Root with a passphrase, as blocks."""
    from blocks.aws_account import AwsAccount
    from blocks.offline_root import OfflineRoot

    files = RootFiles(desk / "root.key.pem", desk / "root.cert.pem")
    request = RootRequest(subject=Subject(common_name="ACME"), key_algorithm="EC_prime256v1")
    create_root(files, request, PASSPHRASES["root"].encode(), now=datetime.now(UTC))
    account = AwsAccount(region="eu-west-1", role_arn=ROLE, external_id=SecretStr(EXTERNAL_ID))
    account.save("secretive", overwrite=True)
    OfflineRoot(
        certificate_file=str(files.certificate),
        key_file=str(files.key),
        passphrase=SecretStr(PASSPHRASES["root"]),
    ).save("secretive", overwrite=True)
    for name, text in (*PASSPHRASES.items(), ("external id", EXTERNAL_ID)):
        hunt.add_text(name, text)
    for variable in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        hunt.add_text(variable, os.environ[variable])


@pytest.fixture(scope="module")
def ran(desk: Path, blocks: None, hunt: Hunt) -> None:
    """A bootstrap below the root, a batch with keys made here, a canary; all told to Prefect."""
    from flows.bootstrap import bootstrap
    from flows.canary import canary
    from flows.issue import issue
    from tasks.access import aws_in

    who = {"tenant": "acme", "account_block": "secretive"}
    authority = {"key_algorithm": "EC_prime256v1"}
    root = {"authority": "offline-root", "offline_root": {"block": "secretive"}}
    bootstrap(
        BootstrapRequest.model_validate(
            {**who, **root, "certificate_authority": authority, "canary": False}
        )
    )
    (desk / "manifest.csv").write_text("device_id\nlab-1\nlab-2\n")
    fleet = {"manifest": str(desk / "manifest.csv"), "out": str(desk / "out")}
    issue(IssueRequest.model_validate({**who, **fleet, "generate_keys": "EC_prime256v1"}))
    canary(CanaryRequest.model_validate(who))
    assumed = aws_in("eu-west-1", "secretive")._session.get_credentials().get_frozen_credentials()
    hunt.add_text("assumed secret", assumed.secret_key)
    hunt.add_text("assumed token", assumed.token)


@pytest.fixture
def told(ran: None) -> str:
    """All that Prefect's API tells of runs, logs, artifacts and blocks."""
    from prefect.client.orchestration import get_client
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=TOLD_SECONDS)
    with get_client(sync_client=True) as client:
        answers = [client._client.post(f"/{kind}/filter", json={}) for kind in KINDS]
    text = "".join(answer.raise_for_status().text for answer in answers)
    # what is hunted for came this far: the parameters, and the blocks by their names
    assert "secretive" in text
    return text


def test_secrets_are_nowhere(hunt: Hunt, told: str) -> None:
    """Bootstrap, batch and canary leave none, and their keys and passphrases were all known."""
    assert len([name for name in hunt.secrets if name.startswith("key ")]) >= 4
    assert any("IssueCertificate" in line for line in hunt.lines)
    assert hunt.found(told, *hunt.lines) == []
    encrypted = (hunt.folders[1] / "lab-1" / "private.pem").read_text()
    assert "ENCRYPTED" in encrypted


@pytest.mark.parametrize("name", ["state/results/planted", "out/planted"])
def test_a_secret_in_a_file_would_be_found(hunt: Hunt, told: str, desk: Path, name: str) -> None:
    """The hunt is no mere ceremony: each form of each secret is found where it is planted."""
    planted = [(secret, form) for secret, forms in hunt.secrets.items() for form in forms]
    (desk / name).mkdir(parents=True)
    for number, (_, form) in enumerate(planted):
        (desk / name / str(number)).write_bytes(b"before " + form + b" after")
    assert hunt.forms_found(told) == planted
    shutil.rmtree(desk / name)


def test_a_secret_in_prefect_would_be_found(hunt: Hunt, told: str) -> None:
    """A passphrase in an artifact is in the answers of the API and in the database."""
    from prefect.artifacts import create_markdown_artifact
    from prefect.client.orchestration import get_client

    made: Any = create_markdown_artifact(f"it is: {PASSPHRASES['root']}", key="planted")
    with get_client(sync_client=True) as client:
        answer = client._client.post("/artifacts/filter", json={}).text
        assert Hunt(hunt.secrets).found(answer) == ["root"]
        assert hunt.found() == ["root"]
        client.delete_artifact(made)
