"""S3 as a folder: whole objects, one version, and errors that say what to do."""

import threading
from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.bucket import PIECE_BYTES, Bucket, ObjectChanged
from birthcert.errors import AwsCallFailed, AwsUnreachable, ConfigurationError
from birthcert.files import UnwritableOutput
from birthcert.sandbox.server import Sandbox
from birthcert.storage.folder import Folder
from birthcert.storage.stores import Storage


@pytest.fixture
def folder(aws: AwsAccess, bucket: Bucket) -> Folder:
    """A folder in the bucket."""
    return Storage(aws).folder(f"s3://{bucket.name}/acme")


def test_what_is_written_is_read_and_listed(folder: Folder) -> None:
    """Names are relative; a sibling whose name is longer is not in the folder."""
    folder.write("unit/chain.pem", b"chain")
    folder.write("report.csv", b"")
    assert folder.read("unit/chain.pem", 3) == b"cha"
    assert folder.read("report.csv", 9) == b""
    assert list(folder.files()) == ["report.csv", "unit/chain.pem"]
    assert folder.exists("unit/chain.pem")
    assert not folder.exists("unit/chain")
    with pytest.raises(FileNotFoundError):
        folder.read("none", 1)


def test_a_sibling_prefix_is_another_folder(aws: AwsAccess, bucket: Bucket) -> None:
    """`acme-evil` is not in `acme`."""
    Storage(aws).folder("s3://fleets/acme-evil").write("x", b"x")
    folder = Storage(aws).folder("s3://fleets/acme")
    assert not folder.is_there()
    assert list(folder.files()) == []


def test_a_large_object_goes_and_comes_in_pieces(folder: Folder, sandbox: Sandbox) -> None:
    """More than a piece is sent as parts and read back by ranges, the same bytes."""
    data = bytes(range(256)) * (PIECE_BYTES // 256) + b"the rest"
    sandbox.reset_calls()
    folder.write("large", data)
    assert sandbox.calls()["s3.UploadPart"]["ok"] == 2
    with folder.open("large") as source:
        assert source.stream.read() == data
    assert sandbox.calls()["s3.GetObject"]["ok"] == 2


def test_an_upload_that_fails_midway_leaves_what_was_there(folder: Folder, bucket: Bucket) -> None:
    """Nothing of a stream that broke off is seen, and its parts are dropped."""
    folder.write("report.csv", b"before")

    def broken() -> None:
        with folder.replacing("report.csv") as stream:
            stream.write(b"x" * (PIECE_BYTES + 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert folder.read("report.csv", 99) == b"before"
    assert _uploads(bucket) == []


def test_a_trial_write_leaves_nothing(folder: Folder, bucket: Bucket) -> None:
    """To see whether one may write takes no object."""
    folder.check_writable()
    assert list(folder.files()) == []
    assert _uploads(bucket) == []


def _uploads(bucket: Bucket) -> list[Any]:
    answer = bucket.aws.call("s3", "ListMultipartUploads", Bucket=bucket.name)
    uploads: list[Any] = answer.get("Uploads", [])
    return uploads


def test_a_file_that_is_overwritten_meanwhile_is_noticed(folder: Folder) -> None:
    """All pieces are of the version that the first one had."""
    folder.write("manifest", b"a" * (PIECE_BYTES + 1))
    with folder.open("manifest") as source:
        source.stream.read(10)
        folder.write("manifest", b"b" * (PIECE_BYTES + 1))
        with pytest.raises(ObjectChanged, match="s3://fleets/acme/manifest is not what it was"):
            source.stream.read()


def test_of_several_who_put_a_new_object_one_succeeds(bucket: Bucket) -> None:
    """The wall on which claims stand."""
    start, won = threading.Barrier(8), []

    def put(number: int) -> None:
        start.wait()
        if bucket.put_new("claim", f"run {number}".encode()):
            won.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    piece = bucket.read("claim")
    assert piece is not None
    assert piece.data == f"run {won[0]}".encode()


def test_a_put_whose_answer_was_lost_has_succeeded(bucket: Bucket) -> None:
    """The second try of a conditional put meets the first one's object."""
    assert bucket.put_new("claim", b"mine")
    assert bucket.put_new("claim", b"mine")
    assert not bucket.put_new("claim", b"another's")


def test_an_object_is_replaced_only_in_the_version_that_was_seen(bucket: Bucket) -> None:
    """Of two who take over, the later one is told."""
    seen = bucket.put("claim", b"dead")
    bucket.put("claim", b"first", etag=seen)
    with pytest.raises(ObjectChanged):
        bucket.put("claim", b"second", etag=seen)


def test_a_move_that_was_cut_off_is_finished_by_the_same_call(bucket: Bucket) -> None:
    """Copied and not deleted, or moved already: the end is the same."""
    etag = bucket.put("a", b"x")
    bucket.put("b", b"x")
    assert bucket.move("a", "b", etag=etag)
    assert not bucket.move("a", "b")
    assert [entry.key for entry in bucket.entries("")] == ["b"]


@pytest.mark.parametrize(
    ("code", "status", "says"),
    [
        pytest.param("AccessDenied", 403, "grant the action", id="access denied"),
        pytest.param("NoSuchBucket", 404, "name a bucket", id="no such bucket"),
        pytest.param("AuthorizationHeaderMalformed", 400, "another region", id="wrong region"),
        pytest.param("ExpiredToken", 400, "log in again", id="expired credentials"),
    ],
)
def test_what_s3_refuses_is_one_line_with_what_to_do(
    folder: Folder, sandbox: Sandbox, code: str, status: int, says: str
) -> None:
    """Reading, writing and the trial before it, each in its own kind of error."""
    actions = ("s3.GetObject", "s3.PutObject", "s3.CreateMultipartUpload")
    refusal = {"effect": "error", "code": code, "status": status, "message": "no"}
    sandbox.state.knobs.update({"calls": [{"action": each, **refusal} for each in actions]})
    with pytest.raises(AwsCallFailed, match=says):
        folder.read("x", 1)
    with pytest.raises(UnwritableOutput, match=says):
        folder.write("x", b"x")
    with pytest.raises(ConfigurationError, match=f"nothing was touched: .*{says}"):
        folder.check_writable()
    sandbox.state.knobs.reset()


def test_a_connection_that_drops_is_said_so(folder: Folder, sandbox: Sandbox) -> None:
    """Where S3 does not answer at all, the error is not one of the file."""
    sandbox.state.knobs.update({"calls": [{"action": "s3.GetObject", "effect": "drop"}]})
    with pytest.raises(AwsUnreachable, match="s3:GetObject"):
        folder.read("x", 1)
    sandbox.state.knobs.reset()
