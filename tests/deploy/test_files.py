"""deploy/ as linters, schemas and the rules of the house read it; no engine is needed for that."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH, to_envvar
from prefect.server.utilities import encryption
from prefect.settings import Settings as PrefectSettings
from prefect.settings.legacy import _get_settings_fields
from prefect.utilities.collections import dict_to_flatdict
from yamllint import linter
from yamllint.config import YamlLintConfig

from birthcert.settings import Settings

HOME = Path(__file__).parents[2]
DEPLOY = HOME / "deploy"
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())
YAML = [HOME / "prefect.yaml", *sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")])]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
KUBERNETES = DEPLOY / "kubernetes"
SERVER: dict[str, Any] = yaml.safe_load((KUBERNETES / "server-values.yaml").read_text())
WORKER: dict[str, Any] = yaml.safe_load((KUBERNETES / "worker-values.yaml").read_text())["worker"]
OBJECTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((KUBERNETES / "birthcert.yaml").read_text())
)
TEMPLATE: dict[str, Any] = json.loads((KUBERNETES / "base-job-template.json").read_text())
IMAGE = f"birthcert:{PROJECT['project']['version']}"
SECRET = re.compile(r"AUTH_STRING|ENCRYPTION_KEY|PASSWORD|PASSPHRASE|CONNECTION_URL|LEDGER_URL")


def name_of(path: Path) -> str:
    """A file's path from the project's folder."""
    return path.relative_to(HOME).as_posix()


def environment(value: Any) -> Iterator[tuple[str, str]]:
    """Variables and values, wherever a file sets some: as a mapping, or as name and value."""
    if isinstance(value, list):
        for each in value:
            yield from environment(each)
    elif isinstance(value, dict):
        if isinstance(value.get("name"), str) and "value" in value:
            yield value["name"], str(value["value"])
        for name, inner in value.items():
            if re.fullmatch("[A-Z][A-Z0-9_]+", name) and isinstance(inner, str):
                yield name, inner
            yield from environment(inner)


def images(value: Any) -> Iterator[str]:
    """Each image that a document names, in whatever way."""
    if isinstance(value, list):
        for each in value:
            yield from images(each)
    elif isinstance(value, dict):
        image = value.get("image")
        if isinstance(image, str) and "{{" not in image:
            yield image
        if "repository" in value:
            yield f"{value['repository']}:{value['prefectTag']}"
        for inner in value.values():
            yield from images(inner)


def documents(path: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_yamllint_has_nothing_to_say(path: Path) -> None:
    """Syntax, indentation, double keys."""
    config = YamlLintConfig(file=str(HOME / ".yamllint"))
    assert not [str(each) for each in linter.run(path.read_text(), config)]


def test_compose_fits_its_specification() -> None:
    """By the schema of the Compose specification that check-jsonschema brings along."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    file = str(DEPLOY / "compose" / "compose.yaml")
    done = subprocess.run([*check, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_no_secret_is_in_clear(path: Path) -> None:
    """Secrets come from files and Kubernetes secrets; no address has a password in it."""
    assert not re.search(r"://[^/\s:]+:[^/\s]+@", path.read_text())
    for name, value in environment(documents(path)):
        if path.name == "compose.yaml" and name in COMPOSE["secrets"]:
            continue  # its file is named there
        assert not SECRET.search(name) or value.startswith("/run/secrets/"), name


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_images_are_pinned(path: Path) -> None:
    """Each one has the tag of a release."""
    for image in images(documents(path)):
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[\w.-]+)?$", image), image


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_variables_exist(path: Path) -> None:
    """Every BIRTHCERT_* and PREFECT_* that is set is read by the program that it is meant for."""
    ours = {f"BIRTHCERT_{name.upper()}" for name in Settings.model_fields}
    theirs = set(_get_settings_fields(PrefectSettings))
    # Prefect reads these where it uses them, and overrides for each key of its logging.yml
    theirs |= set(re.findall(r'"(PREFECT_\w+)"', Path(encryption.__file__).read_text()))
    logging_keys = dict_to_flatdict(yaml.safe_load(DEFAULT_LOGGING_SETTINGS_PATH.read_text()))
    theirs |= {to_envvar("PREFECT_LOGGING_" + "_".join(key)).upper() for key in logging_keys}
    for name, _ in environment(documents(path)):
        if name.startswith(("BIRTHCERT_", "PREFECT_")):
            assert name in ours | theirs


def secrets_of(service: dict[str, Any]) -> set[str]:
    """The names under which a service is given its secrets."""
    given = service.get("secrets", [])
    return {each if isinstance(each, str) else each["target"] for each in given}


def test_prefects_api_asks_who_calls() -> None:
    """The server is given what it wants to hear, and everyone who calls it is given the same."""
    assert secrets_of(SERVICES["server"]) == {
        "PREFECT_SERVER_API_AUTH_STRING",
        "PREFECT_SERVER_ENCRYPTION_KEY",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    }
    callers = [each for each in SERVICES.values() if "PREFECT_API_URL" in str(each)]
    assert len(callers) == 2
    for caller in callers:
        assert {"PREFECT_API_AUTH_STRING", "BIRTHCERT_LEDGER_URL"} <= secrets_of(caller)
    auth = {"enabled": True, "existingSecret": "birthcert-auth"}
    assert SERVER["server"]["basicAuth"] == auth
    assert WORKER["selfHostedServerApiConfig"]["basicAuth"] == auth


def test_nothing_is_published_but_on_loopback() -> None:
    """What speaks plain HTTP is for a proxy on the same machine."""
    published = [port for each in SERVICES.values() for port in each.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_compose_refers_to_is_there() -> None:
    """Volumes, secrets and configs are declared, files exist, services are known."""
    for service in SERVICES.values():
        for kind in ("secrets", "configs"):
            for each in service.get(kind, []):
                assert (each if isinstance(each, str) else each["source"]) in COMPOSE[kind]
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / "compose" / source).is_dir()
        assert set(service.get("depends_on", [])) <= set(SERVICES)
    for config in COMPOSE["configs"].values():
        assert "content" in config or (DEPLOY / "compose" / config["file"]).is_file()


def test_secrets_are_drawn_once(tmp_path: Path) -> None:
    """The script makes every secret that Compose mounts, for its owner alone, and changes none."""
    script = tmp_path / "make-secrets.sh"
    script.write_bytes((DEPLOY / "compose" / "make-secrets.sh").read_bytes())
    subprocess.run(["sh", script], check=True)
    made = {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    Fernet(made["PREFECT_SERVER_ENCRYPTION_KEY"].encode())
    assert made["POSTGRES_PASSWORD"] in made["BIRTHCERT_LEDGER_URL"]
    subprocess.run(["sh", script], check=True)
    assert made == {each.name: each.read_text() for each in (tmp_path / "secrets").iterdir()}
    ignored = (DEPLOY / "compose" / ".gitignore").read_text()
    assert "secrets/" in ignored


def test_secrets_reach_the_program(tmp_path: Path) -> None:
    """The entry point turns each file into a variable, and becomes the command."""
    (tmp_path / "PREFECT_API_AUTH_STRING").write_text("me:hush hush\n")
    (tmp_path / "kubernetes.io").mkdir()
    done = subprocess.run(
        [DEPLOY / "entrypoint.sh", "sh", "-c", 'printf %s "$PREFECT_API_AUTH_STRING"'],
        env={**os.environ, "SECRETS_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "me:hush hush"


def test_the_image_is_built_of_what_is_there() -> None:
    """Each source is in the checkout and let through, every package is copied, nobody is root."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
        if not source.startswith("--")
    ]
    for source in copied:
        assert (HOME / source).exists(), source
        assert f"!{source.rstrip('/')}" in ignored
    packages = {name.partition(".")[0] for name in PROJECT["tool"]["setuptools"]["packages"]}
    assert packages <= {source.rstrip("/") for source in copied}
    assert len(set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))) == 1
    assert re.search(r"^FROM \S+:\d+\.\d+\.\d+-\S+", text, re.MULTILINE)
    assert "--require-hashes -r requirements.lock" in text
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]


def test_one_image_is_everywhere() -> None:
    """Server, workers and jobs are of the project's version."""
    named = {each for path in YAML for each in images(documents(path)) if "birthcert:" in each}
    default = TEMPLATE["variables"]["properties"]["image"]["default"]
    assert {each.rpartition("/")[2] for each in (*named, default)} == {IMAGE}


def test_the_job_template_is_complete() -> None:
    """Its placeholders are its variables; Prefect's worker looks for its container by name."""
    text = json.dumps(TEMPLATE["job_configuration"])
    assert set(re.findall(r"\{\{ (\w+) \}\}", text)) == set(TEMPLATE["variables"]["properties"])
    pod = TEMPLATE["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["name"] == "prefect-job"
    assert {each["name"] for each in container["volumeMounts"]} == {
        each["name"] for each in pod["volumes"]
    }
    assert pod["securityContext"]["runAsNonRoot"]


def test_what_jobs_refer_to_is_made() -> None:
    """Config map, claim and service account are in birthcert.yaml; the secret is the reader's."""
    made = {(each["kind"], each["metadata"]["name"]) for each in OBJECTS}
    pod = TEMPLATE["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    claim = pod["volumes"][0]["persistentVolumeClaim"]["claimName"]
    account = TEMPLATE["variables"]["properties"]["service_account_name"]["default"]
    config = pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    assert {
        ("PersistentVolumeClaim", claim),
        ("ServiceAccount", account),
        ("ConfigMap", config),
    } <= made


def test_metrics_are_written_where_they_are_read() -> None:
    """The folder that runs are told is the volume that node_exporter reads."""
    folder = SERVICES["worker"]["environment"]["BIRTHCERT_METRICS_FOLDER"]
    assert f"metrics:{folder}" in SERVICES["worker"]["volumes"]
    assert f"metrics:{folder}:ro" in SERVICES["node-exporter"]["volumes"]
    assert f"--collector.textfile.directory={folder}" in SERVICES["node-exporter"]["command"]
    assert folder in dict(environment(OBJECTS)).values()
