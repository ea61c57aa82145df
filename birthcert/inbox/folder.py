"""An inbox in a folder: claims are renames inside it, so that no file is ever taken twice."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from birthcert.errors import ConfigurationError
from birthcert.files import make_folder
from birthcert.inbox import loose
from birthcert.inbox.submission import (
    CLAIMED,
    LOOSE,
    OWN_FOLDERS,
    Submission,
    Verdict,
    csr_paths,
    is_loose_csr,
    is_manifest,
    manifest_of,
)
from birthcert.storage.local import LocalFolder
from birthcert.storage.stores import LOCAL

LOCK: Final = ".lock"


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class FolderInbox:
    """Manifests and loose CSRs at the top of a folder; `claimed/RUN/NAME` while worked on.

    A manifest takes along the CSR files that it names; write those first and the manifest last,
    or under a name with a leading dot until it is whole. Every move is one rename. The lock file
    keeps a manifest and its CSRs together when two runs look at the same moment.
    """

    def __init__(self, path: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._path, self._clock = path.resolve(), clock

    def claimed_by(self) -> list[str]:
        """The runs that hold submissions."""
        return sorted(folder.name for folder in _folders(self._path / CLAIMED))

    def adopt(self, run: str, by: str) -> None:
        """Give another run what a run that has ended left behind."""
        theirs = self._path / CLAIMED / run
        ours = self._claimed(by)
        with self._locked():
            for submission in _folders(theirs):
                submission.rename(ours / submission.name)
            _remove_if_empty(theirs)

    def claim(self, run: str) -> list[Submission]:
        """Take what is new; returns all that the run holds, the oldest first.

        Raises ConfigurationError for a folder that is not there or cannot be written.
        """
        try:
            return self._claim(run)
        except OSError as error:
            raise ConfigurationError(
                f"the inbox {self._path} cannot be used: {error.strerror or error}",
                remedy="make the folder, and give the workers' user write access",
            ) from error

    def settle(self, submission: Submission, verdict: Verdict) -> str:
        """Move a submission, with all that lies in its folder, to done/ or failed/; says where."""
        target = self._path / verdict / submission.name
        make_folder(target.parent)
        (self._path / CLAIMED / submission.run / submission.name).rename(target)
        _remove_if_empty(self._path / CLAIMED / submission.run)
        return str(target)

    def _claim(self, run: str) -> list[Submission]:
        with self._locked():
            if not self._arrived() and not (self._path / CLAIMED / run).is_dir():
                return []
            ours = self._claimed(run)
            for manifest in filter(is_manifest, self._arrived()):
                folder = self._new_folder(ours, manifest)
                (self._path / manifest).rename(folder / manifest)
            for folder in _folders(ours):
                self._gather(folder)
            # what no manifest has named is on its own
            if alone := list(filter(is_loose_csr, self._arrived())):
                folder = self._new_folder(ours, LOOSE)
                for name in alone:
                    (self._path / name).rename(folder / name)
        found = [_submission(folder, run) for folder in _folders(ours)]
        return sorted(found, key=lambda submission: submission.name.rpartition("@")[2])

    def _arrived(self) -> list[str]:
        with os.scandir(self._path) as entries:
            return sorted(
                entry.name
                for entry in entries
                if (is_manifest(entry.name) or is_loose_csr(entry.name))
                and entry.is_file(follow_symlinks=False)
            )

    def _gather(self, folder: Path) -> None:
        """Bring a manifest's CSRs to it; also finishes what a run that died had begun."""
        manifest = manifest_of(folder.name)
        for name in csr_paths(str(folder / manifest), LOCAL) if manifest else ():
            source, target = self._waiting(name), folder / name
            if source is not None and not target.exists():
                make_folder(target.parent)
                source.rename(target)

    def _waiting(self, name: str) -> Path | None:
        """The file of this name that waits in the inbox itself: never one from outside it."""
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            return None
        path, top = self._path / name, next(iter(Path(name).parts), "")
        if top in OWN_FOLDERS or path.is_symlink() or not path.is_file():
            return None
        return path if path.resolve() == path else None

    def _new_folder(self, ours: Path, name: str) -> Path:
        """A folder whose name is the submission's for ever: output and report are found by it."""
        folder = ours / f"{name}@{self._clock():%Y%m%dT%H%M%S%fZ}"
        make_folder(folder)
        return folder

    def _claimed(self, run: str) -> Path:
        folder = self._path / CLAIMED / run
        make_folder(folder)
        return folder

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._path / LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _submission(folder: Path, run: str) -> Submission:
    place = LocalFolder(folder)
    manifest = manifest_of(folder.name) or loose.write_manifest(place)
    return Submission(name=folder.name, run=run, folder=place, manifest=manifest)


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
