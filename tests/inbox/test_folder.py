"""An inbox in a folder: what is taken, by whom, and where it ends."""

import json
import threading
from pathlib import Path

import pytest

from birthcert.errors import ConfigurationError
from birthcert.inbox.folder import FolderInbox
from birthcert.inbox.submission import Submission
from birthcert.models import Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr


def csr_of(name: str) -> bytes:
    """A CSR whose CommonName is the device's."""
    return build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))


def names(submissions: list[Submission]) -> list[str]:
    """What the submissions were dropped as."""
    return [submission.name.partition("@")[0] for submission in submissions]


def at(submission: Submission) -> Path:
    """The folder of a submission."""
    return Path(submission.folder.address())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty inbox."""
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def test_a_manifest_takes_its_csrs_along(folder: Path) -> None:
    """A manifest and the files that it names move into one folder, and nothing is left behind."""
    (folder / "csr").mkdir()
    (folder / "csr" / "a.csr").write_bytes(csr_of("a"))
    (folder / "b.csr").write_bytes(csr_of("b"))
    (folder / "batch.csv").write_text("device_id,csr\na,csr/a.csr\nb,b.csr\n")
    [submission] = FolderInbox(folder).claim("run-1")
    assert at(submission).parent == folder / "claimed" / "run-1"
    assert submission.manifest == "batch.csv"
    assert (at(submission) / "csr" / "a.csr").is_file()
    assert (at(submission) / "b.csr").is_file()
    assert not (folder / "b.csr").exists()


def test_loose_csrs_become_one_manifest(folder: Path) -> None:
    """Each loose CSR is a device by its CommonName; an unreadable one has its file's name."""
    (folder / "x.csr").write_bytes(csr_of("press-1"))
    (folder / "broken.csr").write_text("no CSR")
    [submission] = FolderInbox(folder).claim("run-1")
    rows = [json.loads(line) for line in Path(submission.address).read_text().splitlines()]
    assert [(row["device_id"], row["csr_path"]) for row in rows] == [
        ("broken", "broken.csr"),
        ("press-1", "x.csr"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(".batch.csv", id="unfinished"),
        pytest.param("batch.csv.part", id="another ending"),
        pytest.param("report.csv", id="an earlier report"),
        pytest.param("error.txt", id="an earlier error"),
    ],
)
def test_other_files_stay(folder: Path, name: str) -> None:
    """What is neither a finished manifest nor a CSR is left alone."""
    (folder / name).write_text("device_id,csr\n")
    assert FolderInbox(folder).claim("run-1") == []
    assert (folder / name).exists()


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../secret.csr", id="above the inbox"),
        pytest.param("done/old.csr", id="settled before"),
        pytest.param("link.csr", id="a symbolic link"),
    ],
)
def test_a_manifest_takes_only_what_waits_in_the_inbox(folder: Path, path: str) -> None:
    """A manifest cannot pull in files from outside, or from what was settled."""
    (folder.parent / "secret.csr").write_text("theirs")
    (folder / "done").mkdir()
    (folder / "done" / "old.csr").write_text("old")
    (folder / "link.csr").symlink_to(folder.parent / "secret.csr")
    (folder / "batch.csv").write_text(f"device_id,csr\na,{path}\n")
    [submission] = FolderInbox(folder).claim("run-1")
    assert [entry.name for entry in at(submission).iterdir()] == ["batch.csv"]
    assert (folder.parent / "secret.csr").exists()
    assert (folder / "done" / "old.csr").exists()


def test_two_runs_never_take_one_submission(folder: Path) -> None:
    """Of runs that look at the same moment, each file goes to exactly one."""
    for number in range(40):
        (folder / f"{number:02}.csr").write_bytes(b"x")
        (folder / f"{number:02}.csv").write_text(f"device_id,csr\nd{number},{number:02}.csr\n")
    taken: dict[str, list[Submission]] = {}
    start = threading.Barrier(4)

    def claim(run: str) -> None:
        start.wait()
        taken[run] = FolderInbox(folder).claim(run)

    threads = [threading.Thread(target=claim, args=(f"run-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = sorted(name for submissions in taken.values() for name in names(submissions))
    assert everything == [f"{number:02}.csv" for number in range(40)]
    assert all(
        (at(submission) / f"{submission.name[:2]}.csr").is_file()
        for submissions in taken.values()
        for submission in submissions
    )


def test_a_later_run_goes_on_with_what_a_dead_one_left(folder: Path) -> None:
    """What was claimed and not settled is adopted, with CSRs that were not yet moved."""
    (folder / "batch.csv").write_text("device_id,csr\na,a.csr\n")
    [first] = FolderInbox(folder).claim("dead")
    (folder / "a.csr").write_bytes(csr_of("a"))
    inbox = FolderInbox(folder)
    assert inbox.claimed_by() == ["dead"]
    inbox.adopt("dead", by="alive")
    [again] = inbox.claim("alive")
    assert again.name == first.name
    assert (at(again) / "a.csr").is_file()
    assert inbox.claimed_by() == ["alive"]


def test_a_settled_submission_lies_in_done_or_failed(folder: Path) -> None:
    """Settling moves the folder whole, and leaves no empty claim."""
    (folder / "batch.csv").write_text("device_id,csr\n")
    inbox = FolderInbox(folder)
    [submission] = inbox.claim("run-1")
    where = inbox.settle(submission, "failed")
    assert Path(where) == folder / "failed" / submission.name
    assert (Path(where) / "batch.csv").is_file()
    assert inbox.claimed_by() == []


def test_a_missing_inbox_says_what_to_do(tmp_path: Path) -> None:
    """An inbox that is not there is an error of the configuration."""
    with pytest.raises(ConfigurationError, match="make the folder"):
        FolderInbox(tmp_path / "none").claim("run-1")
