"""An inbox in S3: what is taken, by whom, where it ends, and what a crash leaves."""

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.bucket import Bucket
from birthcert.inbox.s3 import LOCK, ClaimLost, S3Inbox
from birthcert.inbox.submission import Submission
from birthcert.storage.s3 import S3Folder
from birthcert.storage.stores import Storage

HOME = "acme/inbox/"


@pytest.fixture
def inbox(bucket: Bucket) -> S3Inbox:
    """An empty inbox."""
    return opened(bucket)


def opened(bucket: Bucket) -> S3Inbox:
    """The inbox as a process of its own sees it."""
    folder = Storage(bucket.aws).folder(f"s3://{bucket.name}/{HOME}")
    assert isinstance(folder, S3Folder)
    return S3Inbox(folder)


def keys(bucket: Bucket) -> list[str]:
    """What is in the inbox, without the times in the submissions' names."""
    names = [entry.key.removeprefix(HOME).split("/") for entry in bucket.entries(HOME)]
    return sorted("/".join(part.partition("@")[0] for part in name) for name in names)


def drop(bucket: Bucket, **files: bytes) -> None:
    """Put files into the inbox; `_` stands for the dot."""
    for name, data in files.items():
        bucket.put(HOME + name.replace("_", "."), data)


def names(submissions: list[Submission]) -> list[str]:
    """What the submissions were dropped as."""
    return [submission.name.partition("@")[0] for submission in submissions]


def test_a_manifest_takes_its_csrs_along(
    bucket: Bucket, inbox: S3Inbox, csr_of: Callable[[str], str]
) -> None:
    """A manifest and the objects that it names move below the claim; nothing is left behind."""
    drop(bucket, a_csr=csr_of("a").encode(), batch_csv=b"device_id,csr\na,a.csr\nb,csr/b.csr\n")
    bucket.put(HOME + "csr/b.csr", csr_of("b").encode())
    [submission] = inbox.claim("run-1")
    assert submission.manifest == "batch.csv"
    assert sorted(submission.folder.files()) == ["a.csr", "batch.csv", "csr/b.csr"]
    assert keys(bucket) == [
        "claimed/batch.csv",
        "claimed/batch.csv/a.csr",
        "claimed/batch.csv/batch.csv",
        "claimed/batch.csv/csr/b.csr",
    ]
    assert inbox.claimed_by() == ["run-1"]


def test_loose_csrs_become_one_manifest(
    bucket: Bucket, inbox: S3Inbox, csr_of: Callable[[str], str]
) -> None:
    """Each loose CSR is a device by its CommonName; an unreadable one has its object's name."""
    drop(bucket, x_csr=csr_of("press-1").encode(), broken_csr=b"no CSR")
    [submission] = inbox.claim("run-1")
    rows = submission.folder.read(submission.manifest, 9_999).splitlines()
    found = [(row["device_id"], row["csr_path"]) for row in map(json.loads, rows)]
    assert found == [("broken", "broken.csr"), ("press-1", "x.csr")]


def test_what_is_no_submission_stays(bucket: Bucket, inbox: S3Inbox) -> None:
    """Unfinished, other and settled objects are left alone; nothing new is cheap and no claim."""
    others = [".batch.csv", "batch.csv.part", "report.csv", "done/x@1/batch.csv", "csr/a.csr"]
    for name in others:
        bucket.put(HOME + name, b"x")
    bucket.put("acme/inbox-2/batch.csv", b"x")
    assert inbox.claim("run-1") == []
    assert len(keys(bucket)) == len(others)


@pytest.mark.parametrize("path", ["../secret.csr", "done/old.csr", "x/../../secret.csr"])
def test_a_manifest_takes_only_what_waits_in_the_inbox(
    bucket: Bucket, inbox: S3Inbox, path: str
) -> None:
    """A manifest cannot pull in objects from outside, or from what was settled."""
    bucket.put("acme/secret.csr", b"theirs")
    bucket.put(HOME + "done/old.csr", b"old")
    drop(bucket, batch_csv=f"device_id,csr\na,{path}\n".encode())
    [submission] = inbox.claim("run-1")
    assert list(submission.folder.files()) == ["batch.csv"]
    assert bucket.read("acme/secret.csr")


def test_two_runs_never_take_one_submission(bucket: Bucket) -> None:
    """Of runs that look at the same moment, each submission goes to exactly one, with its CSR."""
    for number in range(6):
        bucket.put(f"{HOME}{number}.csr", b"x")
        bucket.put(f"{HOME}{number}.csv", f"device_id,csr\nd{number},{number}.csr\n".encode())
    taken: list[Submission] = []
    start = threading.Barrier(3)

    def claim(run: str) -> None:
        inbox = opened(bucket)
        start.wait()
        taken.extend(inbox.claim(run))

    threads = [threading.Thread(target=claim, args=(f"run-{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(taken)) == [f"{number}.csv" for number in range(6)]
    assert all(submission.folder.exists(f"{submission.name[0]}.csr") for submission in taken)


def test_a_run_that_is_taking_is_not_disturbed(bucket: Bucket, inbox: S3Inbox) -> None:
    """While another run holds the lock nothing is taken; when that run is dead, its lock is."""
    drop(bucket, batch_csv=b"device_id,csr\n")
    bucket.put(HOME + LOCK, b'{"run": "other", "arrived": "", "verdict": ""}')
    assert inbox.claim("run-1") == []
    assert inbox.claimed_by() == ["other"]
    inbox.adopt("other", by="run-1")
    assert names(inbox.claim("run-1")) == ["batch.csv"]


def test_a_claim_that_was_taken_over_cannot_be_settled(bucket: Bucket, inbox: S3Inbox) -> None:
    """A run that was thought dead moves nothing that another run works on."""
    drop(bucket, batch_csv=b"device_id,csr\n")
    [mine] = inbox.claim("zombie")
    opened(bucket).adopt("zombie", by="alive")
    with pytest.raises(ClaimLost, match="another run has taken over batch"):
        inbox.settle(mine, "done")
    [theirs] = opened(bucket).claim("alive")
    assert theirs.name == mine.name
    assert opened(bucket).settle(theirs, "failed") == f"s3://fleets/{HOME}failed/{theirs.name}"
    assert keys(bucket) == ["failed/batch.csv/batch.csv"]
    assert inbox.claimed_by() == []


def test_a_manifest_that_is_replaced_is_a_submission_of_its_own(
    bucket: Bucket, inbox: S3Inbox
) -> None:
    """What arrives under the same name while the first is worked on is taken the next time."""
    drop(bucket, batch_csv=b"device_id,csr\na,a.csr\n")
    [first] = inbox.claim("run-1")
    drop(bucket, batch_csv=b"device_id,csr\nb,b.csr\n")
    inbox.settle(first, "done")
    [second] = inbox.claim("run-2")
    assert second.name != first.name
    assert b"b.csr" in second.folder.read("batch.csv", 99)


class Killed(BaseException):
    """The process is gone: nothing that it calls afterwards reaches S3."""


def test_a_crash_at_any_point_is_gone_on_from(
    bucket: Bucket, csr_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before a write, any second one, the next run finishes: settled once, nothing lost."""
    csr, call = csr_of("a").encode(), AwsAccess.call
    for calls_left in itertools.count(1, 2):
        drop(bucket, a_csr=csr, b_csr=csr, batch_csv=b"device_id,csr\na,a.csr\n")
        left = [calls_left]

        def mortal(self: AwsAccess, *action: str, left: list[int] = left, **facts: Any) -> Any:
            writes = not action[1].startswith(("Get", "List"))
            if left[0] <= 0 and writes:
                left[0] = -1
            if left[0] < 0:
                raise Killed
            left[0] -= writes
            return call(self, *action, **facts)

        monkeypatch.setattr(AwsAccess, "call", mortal)
        died = True
        try:
            done = [opened(bucket).settle(each, "done") for each in opened(bucket).claim("first")]
            died = False
        except Killed:
            pass
        monkeypatch.setattr(AwsAccess, "call", call)
        inbox = opened(bucket)
        for run in inbox.claimed_by():
            inbox.adopt(run, by="second")
        for submission in inbox.claim("second"):
            inbox.settle(submission, "done")
        assert keys(bucket) == [
            "done/batch.csv/a.csr",
            "done/batch.csv/batch.csv",
            "done/loose-csrs/b.csr",
            "done/loose-csrs/manifest.jsonl",
        ], calls_left
        for entry in list(bucket.entries(HOME)):
            bucket.delete(entry.key)
        if not died:
            assert len(done) == 2
            break
