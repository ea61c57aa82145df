"""The documents are run: each shell block works as it stands, or says why it cannot here.

A fenced `sh` block is run, in the document's order and in one shell, in an empty folder with the
environment of a sandbox. A comment above the fence, `<!-- not run: REASON -->`, leaves a block
out. A `text` block is output or syntax.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from birthcert.cli import app
from birthcert.connecting import ConnectReport
from birthcert.issuance.output import REPORT_COLUMNS
from birthcert.models import (
    BootstrapReport,
    FleetPlaceReport,
    FleetReport,
    IssueReport,
    OldRegistrationReport,
    PlaceReport,
    QuotaUse,
    RolloverReport,
    Step,
)
from birthcert.passphrase import ROOT_VARIABLE, VARIABLE
from birthcert.settings import Settings

HOME = Path(__file__).parents[2]
DOCUMENTS = sorted([*HOME.glob("*.md"), *(HOME / "docs").glob("*.md")])
# a test of their own runs these, with what they need beside a sandbox
RUN_ELSEWHERE = {
    "docs/operations.md": "tests/deployments/test_deployments.py",
    "docs/recipe.md": "tests/docs/test_recipe.py",
    "docs/sandbox.md": "tests/sandbox/test_sandbox_docs.py",
}
LANGUAGES = {"sh", "text", "json", "python", "toml"}
FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>\S*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block; `reason` says why it is not run."""

    language: str
    text: str
    reason: str


def name_of(document: Path) -> str:
    """The document's path from the project's folder."""
    return document.relative_to(HOME).as_posix()


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, in its order."""
    return [
        Block(found["language"], found["text"], found["reason"] or "")
        for found in FENCE.finditer(document.read_text())
    ]


def to_run(document: Path) -> list[str]:
    """The shell blocks of a document that can be run here."""
    return [each.text for each in blocks(document) if each.language == "sh" and not each.reason]


every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
RUN_HERE = [each for each in DOCUMENTS if to_run(each) and name_of(each) not in RUN_ELSEWHERE]


@pytest.fixture(scope="module")
def commands_folder(prefect: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a quick `birthcert`, for PATH."""
    folder = tmp_path_factory.mktemp("commands")
    script = Path(__file__).with_name("warm_birthcert.py")
    address = folder / "socket"
    command = folder / "birthcert"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{script}" call "{address}" "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(folder / "results")}
    server = subprocess.Popen([sys.executable, script, "serve", address], env=environment)
    while not address.exists():
        assert server.poll() is None, "the server of the commands did not start"
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.1)
    yield folder
    server.terminate()
    server.wait()


@pytest.fixture
def folder(
    commands_folder: Path, account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty folder with the project's examples, as a checkout has, and an empty account."""
    shutil.copytree(HOME / "examples", tmp_path / "examples")
    path = (str(commands_folder), str(Path(sys.executable).parent), os.environ["PATH"])
    monkeypatch.setenv("PATH", ":".join(path))
    return tmp_path


@pytest.mark.parametrize("document", RUN_HERE, ids=name_of)
def test_its_commands_run(document: Path, folder: Path) -> None:
    """A reader who types the blocks one after another meets no error."""
    run = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", "\n".join(to_run(document))],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, f"{run.stdout[-2_000:]}\n{run.stderr[-4_000:]}"


@every_document
def test_its_blocks_are_of_a_known_kind(document: Path) -> None:
    """Commands are marked `sh`, so that none is passed over; what is not run says why."""
    found = blocks(document)
    assert document.read_text().count("\n```") == 2 * len(found)
    assert {each.language for each in found} <= LANGUAGES
    assert not [each for each in found if each.reason and each.language != "sh"]


@pytest.mark.parametrize("name", RUN_ELSEWHERE)
def test_what_is_run_elsewhere_is(name: str) -> None:
    """The test that is said to run a document names it."""
    assert Path(name).name in (HOME / RUN_ELSEWHERE[name]).read_text()


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@every_document
def test_its_links_lead_somewhere(document: Path) -> None:
    """Each link to a file or heading of the project finds it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        if path.startswith(("http://", "https://")):
            continue
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(linked), f"{target} has no such heading"


@cache
def flags(command: str) -> frozenset[str]:
    """The flags of a command such as `bootstrap` or `sandbox serve`."""
    application = app
    for word in command.split():
        application = application[word]
    if application.default_command is None:
        return frozenset()
    collection = application.assemble_argument_collection()
    return frozenset(name for argument in collection for name in argument.names)


def commands() -> list[str]:
    """Every command, the longest first, so that `sandbox serve` is found before `sandbox`."""
    top = [name for name in app if not name.startswith("-")]
    groups = ("blocks", "root", "sandbox", "tenant")
    inner = [f"{group} {name}" for group in groups for name in app[group] if name[0] != "-"]
    return sorted([*top, *inner], key=len, reverse=True)


def code_lines(document: Path) -> Iterator[str]:
    """What a document shows as code: lines of shell and text blocks, and code in sentences."""
    text = document.read_text()
    for found in FENCE.finditer(text):
        if found["language"] in ("sh", "text"):
            yield from re.sub(r"\\\n", " ", found["text"]).splitlines()
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def called(line: str) -> Iterator[tuple[str, str]]:
    """Each call of `birthcert` in a line: the words after it, up to the next command."""
    for rest in re.findall(r"(?:^|[\s(])birthcert ([a-z][^|;)#]*)", line):
        command = next((each for each in commands() if f"{rest} ".startswith(f"{each} ")), "")
        yield command, rest


@every_document
def test_its_commands_and_flags_exist(document: Path) -> None:
    """Every `birthcert COMMAND --flag` is one that the command line takes."""
    everywhere = frozenset().union(*map(flags, commands()), {"--help", "--version"})
    for line in code_lines(document):
        for command, rest in called(line):
            assert command, f"birthcert {rest}: there is no such command"
            assert set(re.findall(r"(?<![\w-])--[a-z0-9-]+", rest)) <= flags(command), line
        if line.startswith("--"):
            assert set(re.findall(r"(?<![\w-])--[a-z0-9-]+", line)) <= everywhere, line


@every_document
def test_its_variables_exist(document: Path) -> None:
    """Every BIRTHCERT_* variable is a setting, or a passphrase."""
    settings = {f"BIRTHCERT_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"BIRTHCERT_[A-Z_]*[A-Z]", document.read_text()))
    assert named <= settings | {VARIABLE, ROOT_VARIABLE}


def names(text: str) -> set[str]:
    """The field names that a text gives in code, a nested one's too."""
    return {name for code in re.findall(r"`([^`]+)`", text) for name in re.findall("[a-z_]+", code)}


def fields(*models: type[BaseModel]) -> set[str]:
    """The fields of models."""
    return {name for model in models for name in model.model_fields}


@pytest.mark.parametrize(
    ("start", "end", "known"),
    [
        pytest.param(
            "`birthcert bootstrap",
            "\n",
            fields(BootstrapReport, PlaceReport, Step) | {"certificate_id", "certificate_arn"},
            id="bootstrap.json",
        ),
        pytest.param(
            "`birthcert rollover",
            "\n",
            fields(RolloverReport, OldRegistrationReport),
            id="rollover.json",
        ),
        pytest.param(
            "`birthcert issue", "The output folder", fields(IssueReport, QuotaUse), id="issue.json"
        ),
        pytest.param(
            "`birthcert fleet", "\n", fields(FleetReport, FleetPlaceReport), id="fleet.json"
        ),
        pytest.param("`birthcert connect", "\n", fields(ConnectReport), id="connect.json"),
        pytest.param("(a row a device:", ")", set(REPORT_COLUMNS), id="report.csv"),
    ],
)
def test_reports_have_the_fields_that_are_promised(start: str, end: str, known: set[str]) -> None:
    """What docs/architecture.md lists of a report is in its model, and it lists something."""
    page = (HOME / "docs" / "architecture.md").read_text()
    (promise,) = re.findall(rf"{re.escape(start)}[^\n]*?(?={re.escape(end)})", page)
    listed = names(promise.partition("--json` ")[2] or promise)
    assert listed
    assert listed <= known


def test_the_house_is_shown_as_it_is() -> None:
    """The tree in docs/architecture.md names each flow, each task module and each package."""
    tree = blocks(HOME / "docs" / "architecture.md")[0].text
    modules = [each.name for part in ("flows", "tasks") for each in (HOME / part).glob("[!_]*.py")]
    packages = [f"{each.parent.name}/" for each in (HOME / "birthcert").rglob("__init__.py")]
    inner = {"migrations/", "versions/"}
    assert not [each for each in {*modules, *packages} - inner if each not in tree]
    shown = re.findall(r"^  +(\w+\.py|\w+/) ", tree, re.MULTILINE)
    real = {
        each.name for part in ("flows", "tasks", "birthcert") for each in (HOME / part).rglob("*")
    }
    assert not [each for each in shown if each.rstrip("/") not in real]


def literals(rows: Iterable[str]) -> set[str]:
    """The code in the first column of table rows."""
    return {code for row in rows for code in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_errors_that_are_explained_can_be_met() -> None:
    """Each message in the table of docs/aws.md stands in the source as it is printed."""
    table = (HOME / "docs" / "aws.md").read_text().partition("| The line has |")[2]
    explained = literals(row for row in table.splitlines() if row.startswith("| `"))
    sources = [
        re.sub(r'"\s*f?"', "", each.read_text()) for each in (HOME / "birthcert").rglob("*.py")
    ]
    assert len(explained) > 10
    assert not [each for each in explained if not any(each in source for source in sources)]
