"""An installation as `birthcert up` makes it, with the project's prefect.yaml, for all tests."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from team_browser import CHROMIUM, Browser, opened
from team_installation import (
    BOOTSTRAP,
    DOWN,
    FLEET,
    GLOBEX,
    OURS,
    SLOW,
    UP,
    Team,
    kill_run,
    shell,
)
from team_mailbox import Mailbox

QUICK = {"ca_creation_seconds": 0.1, "issuance_seconds": [0.05, 0.1], "iam_delay_seconds": 0.1}


@pytest.fixture(scope="session")
def team() -> Iterator[Team]:
    """The project brought up with both tenants, on a sandbox that is quick to issue."""
    # not below pytest's own folder, which is closed to the user that Postgres runs as
    with tempfile.TemporaryDirectory(prefix="team-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "prefect.yaml").write_text(_without_working_hours())
        try:
            begun = _killed_up(folder)
            made = Team(folder)
            made.begun = begun
            made.up()
            made.misbehave(**QUICK)
            yield made
        finally:
            shell(DOWN, folder)


def _without_working_hours() -> str:
    """Our prefect.yaml, but no inbox run comes in between: a test makes a schedule of its own."""
    ours, slug = OURS.read_text(), "{slug: working-hours"
    assert ours.count(slug) == 1
    return ours.replace(slug, f"{slug}, active: false")


def _killed_up(folder: Path) -> dict[str, int | None]:
    """What runs after an `up` that was killed in the middle."""
    command = [sys.executable, "-m", *UP.split()]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "starting server" in line:
                break
        process.kill()
    assert "starting server" in said, said
    return Team(folder).parts()


@pytest.fixture(scope="session")
def mailbox(team: Team) -> Iterator[Mailbox]:
    """A webhook that is told what people want to be told."""
    mailbox = Mailbox()
    threading.Thread(target=mailbox.server.serve_forever, daemon=True).start()
    block = f"""
from prefect.blocks.notifications import CustomWebhookNotificationBlock as Webhook
told = {{"subject": "{{{{subject}}}}", "body": "{{{{body}}}}"}}
Webhook(name="mailbox", url="{mailbox.url}", json_data=told).save("mailbox")
"""
    (team.folder / "save_block.py").write_text(block)
    team.run("python save_block.py\nbirthcert blocks register --notify custom-webhook/mailbox")
    yield mailbox
    mailbox.server.shutdown()


@pytest.fixture(scope="session")
def bootstrapped(team: Team) -> dict[str, str]:
    """The runs, by tenant, that bootstrapped the first two at the same time, each on a worker."""
    # a CA whose end is near enough to be told of
    ending = {**BOOTSTRAP["certificate_authority"], "validity_days": 60}
    runs = {
        "acme": team.start("bootstrap-acme", **{**BOOTSTRAP, "certificate_authority": ending}),
        "globex": team.start("bootstrap-globex", **BOOTSTRAP),
    }
    for run in runs.values():
        team.completed(run)
    return runs


@pytest.fixture(scope="session")
def cut_off(team: Team, bootstrapped: dict[str, str]) -> str:
    """A batch of globex whose worker and run were killed in the middle; the run's id."""
    team.submit("globex", "fleet.jsonl", FLEET)
    team.misbehave(calls=[SLOW])
    run = team.start("inbox-globex", threads=1, chunk_size=10)
    team.until(lambda: set(FLEET) & team.devices_of(GLOBEX).keys())
    kill_run(run)
    team.misbehave(calls=[])
    assert not set(FLEET) <= team.devices_of(GLOBEX).keys()
    return run


@pytest.fixture(scope="session")
def unheard(team: Team, bootstrapped: dict[str, str]) -> str:
    """A run that died right after its start, before its first heartbeat."""
    return team.pretend_to_run("canary-globex")


@pytest.fixture(scope="session")
def late(team: Team, bootstrapped: dict[str, str]) -> str:
    """A run whose last heartbeat arrived after its end, as it may on a busy server."""
    team.send_heartbeat(bootstrapped["acme"])
    return bootstrapped["acme"]


@pytest.fixture(scope="session")
def browser(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, logged in."""
    if not CHROMIUM.exists():
        pytest.skip("NO CHROMIUM HERE: Prefect's UI is not tested")
    with opened(team.url, tmp_path_factory.mktemp("screenshots")) as browser:
        browser.log_in(":".join(team.auth))
        yield browser
