"""Objects of an S3 bucket: read by pieces of one version, put whole or not at all, moved."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError

from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, AwsUnreachable, BirthcertError

log = logging.getLogger(__name__)
PIECE_BYTES: Final = 8 * 1024 * 1024
_TRIES: Final = 3
_MISSING: Final = ("NoSuchKey", "404")
_PRECONDITION: Final = ("PreconditionFailed", "412")


class ObjectChanged(BirthcertError):
    """An object is not the one any more that was looked at before."""


@dataclass(frozen=True)
class Piece:
    """Bytes of an object with its size and its version's ETag."""

    data: bytes
    object_bytes: int
    etag: str


@dataclass(frozen=True)
class Entry:
    """An object as a listing has it."""

    key: str
    etag: str
    changed_at: datetime


@dataclass(frozen=True)
class Bucket:
    """A bucket; every method raises AwsCallFailed and AwsUnreachable as `AwsAccess.call` does."""

    aws: AwsAccess
    name: str

    def read(
        self, key: str, *, start: int = 0, size: int = PIECE_BYTES, etag: str = ""
    ) -> Piece | None:
        """`size` bytes from `start`, fewer at the end; None: there is no such object.

        With an `etag`, of that version alone: ObjectChanged where it is another by now.
        """
        asked = {"Range": f"bytes={start}-{start + size - 1}"} | ({"IfMatch": etag} if etag else {})
        try:
            return self._read(key, asked)
        except AwsCallFailed as failure:
            if failure.code == "InvalidRange" and start == 0:
                return Piece(b"", 0, "")
            if failure.code in _MISSING and not etag:
                return None
            if failure.code in (*_PRECONDITION, *_MISSING):
                raise self._changed(key) from failure
            raise

    def _read(self, key: str, asked: dict[str, str]) -> Piece:
        for attempt in range(1, _TRIES + 1):
            answer = self._call("GetObject", key, **asked)
            try:
                data = answer["Body"].read()
            except BotoCoreError as error:
                if attempt == _TRIES:
                    raise AwsUnreachable(
                        f"s3://{self.name}/{key} could not be read to its end: {error}",
                        remedy="run the same command again",
                    ) from error
                log.warning("reading s3://%s/%s again: %s", self.name, key, error)
            else:
                size = int(answer["ContentRange"].rpartition("/")[2])
                return Piece(data, size, answer["ETag"])
        raise AssertionError("the last try returns or raises")

    def put(self, key: str, data: bytes, *, etag: str = "") -> str:
        """Put an object, with an `etag` in the place of that version alone; the new ETag.

        ObjectChanged where it is another version by now, or gone.
        """
        try:
            condition = {"IfMatch": etag} if etag else {}
            return str(self._call("PutObject", key, Body=data, **condition)["ETag"])
        except AwsCallFailed as failure:
            if etag and failure.code in (*_PRECONDITION, *_MISSING):
                raise self._changed(key) from failure
            raise

    def put_new(self, key: str, data: bytes) -> bool:
        """Put an object where there is none; False: there is one, and it stays.

        Of several at the same moment one succeeds. A try whose answer was lost has succeeded if
        these very bytes are there, so let no two callers put the same.
        """
        try:
            self._call("PutObject", key, Body=data, IfNoneMatch="*")
        except AwsCallFailed as failure:
            if failure.code not in _PRECONDITION:
                raise
            there = self.read(key, size=len(data) + 1)
            return there is not None and there.data == data
        return True

    def move(self, key: str, target: str, *, etag: str = "") -> bool:
        """Copy an object inside the bucket, then delete it; False: it is not there.

        With an `etag` that version alone, else ObjectChanged. A move that was cut off is finished
        by the same call.
        """
        source: dict[str, Any] = {"CopySource": {"Bucket": self.name, "Key": key}}
        condition = {"CopySourceIfMatch": etag} if etag else {}
        try:
            self._call("CopyObject", target, **source, **condition)
        except AwsCallFailed as failure:
            if failure.code in _MISSING:
                return False
            if failure.code in _PRECONDITION:
                raise self._changed(key) from failure
            raise
        self.delete(key, etag=etag)
        return True

    def delete(self, key: str, *, etag: str = "") -> None:
        """Delete an object, with an `etag` only that version; one that is not there is no error."""
        try:
            self._call("DeleteObject", key, **({"IfMatch": etag} if etag else {}))
        except AwsCallFailed as failure:
            if failure.code not in (*_MISSING, *_PRECONDITION):
                raise

    def entries(self, prefix: str, *, top_only: bool = False, at_most: int = 0) -> Iterator[Entry]:
        """Objects whose keys begin with `prefix`, by key; `top_only`: none with a further slash."""
        asked: dict[str, Any] = {"Delimiter": "/"} if top_only else {}
        asked |= {"MaxKeys": at_most} if at_most else {}
        while True:
            answer = self.aws.call("s3", "ListObjectsV2", Bucket=self.name, Prefix=prefix, **asked)
            for each in answer.get("Contents", []):
                yield Entry(each["Key"], each["ETag"], each["LastModified"])
            if at_most or not answer.get("IsTruncated"):
                return
            asked["ContinuationToken"] = answer["NextContinuationToken"]

    def begin_parts(self, key: str) -> str:
        """Begin an upload in parts; nothing is at the key until `end_parts`. Returns its id."""
        return str(self._call("CreateMultipartUpload", key)["UploadId"])

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """A part, 5 MiB or more but for the last; numbers are 1 to 10,000. Returns its ETag."""
        answer = self._call("UploadPart", key, UploadId=upload, PartNumber=number, Body=data)
        return str(answer["ETag"])

    def end_parts(self, key: str, upload: str, etags: list[str]) -> None:
        """Put the object together from its parts, in their order."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        self._call(
            "CompleteMultipartUpload", key, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def drop_parts(self, key: str, upload: str) -> None:
        """Forget an upload that was begun."""
        self._call("AbortMultipartUpload", key, UploadId=upload)

    def _call(self, action: str, key: str, **parameters: Any) -> dict[str, Any]:
        return self.aws.call("s3", action, Bucket=self.name, Key=key, **parameters)

    def _changed(self, key: str) -> ObjectChanged:
        return ObjectChanged(f"s3://{self.name}/{key} is not what it was a moment ago")
