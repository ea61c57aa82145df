"""A tenant's lines in prefect.yaml."""

import difflib
from pathlib import Path

import pytest
import yaml

from birthcert.errors import BirthcertError
from birthcert.models import WhereRequest
from birthcert.tenants.stanza import add_tenant, read_tenants

OURS = Path(__file__).parents[2] / "prefect.yaml"
INITECH = WhereRequest(
    tenant="initech-eu", account="333333333333", region="eu-central-1", account_block="initech-eu"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of the project's own prefect.yaml."""
    copy = tmp_path / "prefect.yaml"
    copy.write_text(OURS.read_text())
    return copy


def test_adding_a_tenant_changes_no_other_line(file: Path) -> None:
    """Lines are added and none is taken away or changed, comments included."""
    add_tenant(file, INITECH)
    lines = difflib.ndiff(OURS.read_text().splitlines(), file.read_text().splitlines())
    marks = [line[0] for line in lines]
    assert "-" not in marks
    assert marks.count("+") == 32


def test_a_new_tenant_has_what_the_others_have(file: Path) -> None:
    """Its five deployments are those of acme, but for its name and place."""
    add_tenant(file, INITECH)
    deployments = yaml.safe_load(file.read_text())["deployments"]
    acme, new = (
        [each for each in deployments if each["name"].endswith(f"-{tenant}")]
        for tenant in ("acme", "initech-eu")
    )
    text = str(new).replace("initech-eu", "acme").replace("333333333333", "111111111111")
    assert yaml.safe_load(text.replace("eu-central-1", "eu-west-1")) == acme


def test_tenants_are_read_back(file: Path) -> None:
    """What was added is listed after what was there."""
    add_tenant(file, INITECH)
    assert [where.tenant for where in read_tenants(file)] == ["acme", "globex", "initech-eu"]
    assert read_tenants(file)[-1] == INITECH


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(OURS.read_text(), "acme is in .* already", id="there already"),
        pytest.param("a: [", "is not YAML", id="no YAML"),
        pytest.param("deployments: []", "has no definitions of bootstrap", id="another's"),
        pytest.param(None, "cannot be read", id="missing"),
    ],
)
def test_a_file_that_cannot_take_it_stays_as_it_is(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    """What cannot be written is said in one line, and the file is untouched."""
    file = tmp_path / "prefect.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BirthcertError, match=problem):
        add_tenant(file, WhereRequest(tenant="acme", account="1" * 12, region="eu-west-1"))
    assert (file.read_text() if file.exists() else None) == text
