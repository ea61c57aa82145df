"""From a location to its folder: the one place that tells paths and S3 addresses apart."""

from pathlib import Path
from typing import Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.bucket import Bucket
from birthcert.errors import ConfigurationError
from birthcert.storage.address import is_s3, parse_s3, split_object
from birthcert.storage.folder import Folder
from birthcert.storage.local import LocalFolder
from birthcert.storage.s3 import S3Folder


class Storage:
    """Opens folders; those in S3 with the given way to AWS."""

    def __init__(self, aws: AwsAccess | None) -> None:
        self._aws = aws

    def folder(self, location: str) -> Folder:
        """The folder of a path or an `s3://` address; nothing is asked yet.

        ConfigurationError for an address of another kind, or one that has no clear reading.
        """
        if not is_s3(location):
            if "://" in location:
                raise ConfigurationError(
                    f"{location} is neither a path nor an address in S3",
                    remedy="name a path on this machine or s3://bucket/folder",
                )
            return LocalFolder(Path(location))
        address = parse_s3(location)
        if self._aws is None:
            raise ConfigurationError(
                f"{location} cannot be reached here", remedy="name a path on this machine"
            )
        return S3Folder(Bucket(self._aws, address.bucket), address)

    def file(self, location: str) -> tuple[Folder, str]:
        """The folder that a file lies in, and its name there."""
        if is_s3(location):
            folder, name = split_object(location)
            return self.folder(folder), name
        whole = self.folder(location)
        assert isinstance(whole, LocalFolder)
        return LocalFolder(whole.path.parent), whole.path.name


def absolute(location: str) -> str:
    """A path made absolute; an address is so already."""
    if is_s3(location):
        return str(parse_s3(location))
    return location if "://" in location else str(Path(location).absolute())


LOCAL: Final = Storage(None)
