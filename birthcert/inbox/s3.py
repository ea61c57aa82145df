"""An inbox in S3: a claim is an object that only one run can put, and names that run."""

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from birthcert.aws.bucket import Entry, ObjectChanged
from birthcert.errors import BirthcertError
from birthcert.inbox import loose
from birthcert.inbox.folder import utc_now
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
from birthcert.logs import carried
from birthcert.storage.address import parse_s3
from birthcert.storage.s3 import S3Folder
from birthcert.storage.stores import Storage

log = logging.getLogger(__name__)
LOCK: Final = f"{CLAIMED}/.lock"
CLAIM_END: Final = ".claim"
_CLAIM_MAX_BYTES: Final = 4_096
_AT_ONCE: Final = 200
_THREADS: Final = 16


class ClaimLost(BirthcertError):
    """Another run has taken a submission over; what this one did for it is in the ledger."""


@dataclass(frozen=True)
class _Claim:
    """`arrived` is the manifest's ETag when it was seen; `etag` that of the claim's object."""

    name: str
    run: str
    arrived: str = ""
    verdict: str = ""
    etag: str = ""

    @property
    def data(self) -> bytes:
        """What the object holds."""
        facts = {"run": self.run, "arrived": self.arrived, "verdict": self.verdict}
        return json.dumps(facts).encode()


class S3Inbox:
    """Manifests and loose CSRs right below a prefix; `claimed/NAME/` while worked on.

    `claimed/NAME.claim` says by whom. S3 cannot rename: what is claimed is copied and deleted,
    object by object, in such an order that a run which adopts the claim finishes it. A lock, an
    object too, keeps a manifest and its CSRs together; while another run holds it, nothing is
    taken, and the next run looks again.
    """

    def __init__(self, folder: S3Folder, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._home, self._bucket, self._clock = folder, folder.bucket, clock

    def claimed_by(self) -> list[str]:
        """The runs that hold submissions, or the lock."""
        runs = {claim.run for claim in self._claims()}
        lock = self._read(LOCK)
        return sorted(runs | ({lock.run} if lock else set()))

    def adopt(self, run: str, by: str) -> None:
        """Give another run what a run that has ended left behind; of two who try one gets it."""
        for claim in self._claims():
            if claim.run == run:
                with suppress(ObjectChanged):
                    self._put(replace(claim, run=by))
        lock = self._read(LOCK)
        if lock is not None and lock.run == run:
            self._bucket.delete(self._home.key(LOCK), etag=lock.etag)

    def claim(self, run: str) -> list[Submission]:
        """Take what is new; returns all that the run holds, the oldest first."""
        if not any(self._arrived()) and not any(claim.run == run for claim in self._claims()):
            return []
        if not self._put_new(LOCK, _Claim(LOCK, run)):
            log.info("another run takes what is new in %s", self._home.address())
            return []
        found = self._take(run)
        lock = self._read(LOCK)
        if lock is not None and lock.run == run:
            self._bucket.delete(self._home.key(LOCK), etag=lock.etag)
        return sorted(found, key=lambda submission: submission.name.rpartition("@")[2])

    def settle(self, submission: Submission, verdict: Verdict) -> str:
        """Move a submission, with all that lies in its folder, to done/ or failed/; says where.

        The verdict is written down first: who adopts the claim after a crash only moves the rest.
        Raises ClaimLost.
        """
        claim = self._read(_claim_name(submission.name))
        try:
            if claim is None or claim.run != submission.run:
                raise ObjectChanged("it is another run's")
            claim = self._put(replace(claim, verdict=verdict))
        except ObjectChanged as error:
            raise ClaimLost(
                f"another run has taken over {submission.name}",
                remedy="nothing to do: that run settles it, and nothing is bought twice",
            ) from error
        self._move_away(claim)
        return self._home.address(f"{verdict}/{submission.name}")

    def _take(self, run: str) -> list[Submission]:
        for entry in filter(lambda each: is_manifest(self._name(each)), self._arrived()):
            etag = entry.etag.strip('"')
            # the same for every run that sees this object
            name = f"{self._name(entry)}@{entry.changed_at:%Y%m%dT%H%M%SZ}-{etag[:8]}"
            self._put_new(_claim_name(name), _Claim(name, run, arrived=entry.etag))
        found = [self._ready(claim) for claim in self._claims() if claim.run == run]
        # what no manifest has named is on its own
        if alone := [entry for entry in self._arrived() if is_loose_csr(self._name(entry))]:
            claim = _Claim(f"{LOOSE}@{self._clock():%Y%m%dT%H%M%S%fZ}", run)
            if self._put_new(_claim_name(claim.name), claim):
                folder = self._folder(claim.name)
                self._each(lambda name: self._move(name, folder), map(self._name, alone))
                found += [self._ready(each) for each in self._claims() if each.name == claim.name]
        return [submission for submission in found if submission is not None]

    def _ready(self, claim: _Claim) -> Submission | None:
        """What a claim stands for, with all its objects; finishes what a run that died began."""
        if claim.verdict:
            self._move_away(claim)
            return None
        folder, manifest = self._folder(claim.name), manifest_of(claim.name)
        if manifest:
            with suppress(ObjectChanged):  # a new one has come under its name
                self._move(manifest, folder, etag=claim.arrived)
            if folder.exists(manifest):
                self._gather(folder, manifest)
                return Submission(claim.name, claim.run, folder, manifest)
        elif any(map(is_loose_csr, folder.files())):
            self._delete_copied(folder)
            return Submission(claim.name, claim.run, folder, loose.write_manifest(folder))
        # it went away before it was taken
        self._bucket.delete(self._home.key(_claim_name(claim.name)), etag=claim.etag)
        return None

    def _delete_copied(self, folder: S3Folder) -> None:
        """Take away from the inbox what a run that died had copied; a new one of the name stays."""
        waiting = {entry.key: entry.etag for entry in self._arrived()}
        for name in folder.files():
            key = self._home.key(name)
            copied = self._bucket.read(folder.key(name), size=1) if key in waiting else None
            if copied is not None and copied.etag == waiting[key]:
                self._bucket.delete(key, etag=copied.etag)

    def _gather(self, folder: S3Folder, manifest: str) -> None:
        """Bring a manifest's CSRs to it: only what waits in the inbox, none of what was settled."""
        named = csr_paths(folder.address(manifest), Storage(self._bucket.aws))
        inside = (self._home.inside(name) for name in named)
        waiting = (name for name in inside if name and name.split("/")[0] not in OWN_FOLDERS)
        self._each(lambda name: self._move(name, folder), waiting)

    def _move_away(self, claim: _Claim) -> None:
        folder = self._folder(claim.name)
        target = self._subfolder(f"{claim.verdict}/{claim.name}")
        move = self._bucket.move
        self._each(lambda name: move(folder.key(name), target.key(name)), folder.files())
        self._bucket.delete(self._home.key(_claim_name(claim.name)), etag=claim.etag)

    def _move(self, name: str, folder: S3Folder, *, etag: str = "") -> bool:
        return self._bucket.move(self._home.key(name), folder.key(name), etag=etag)

    @staticmethod
    def _each(move: Callable[[str], object], names: Iterator[str]) -> None:
        """Many at a time, but never all names in memory."""
        with ThreadPoolExecutor(_THREADS, initializer=carried()) as pool:
            while some := list(islice(names, _AT_ONCE)):
                for _ in pool.map(move, some):
                    pass

    def _arrived(self) -> Iterator[Entry]:
        for entry in self._bucket.entries(self._home.key(""), top_only=True):
            if is_manifest(self._name(entry)) or is_loose_csr(self._name(entry)):
                yield entry

    def _name(self, entry: Entry) -> str:
        return entry.key.removeprefix(self._home.key(""))

    def _claims(self) -> list[_Claim]:
        prefix = self._home.key(f"{CLAIMED}/")
        names = [self._name(entry) for entry in self._bucket.entries(prefix, top_only=True)]
        found = (self._read(name) for name in names if name.endswith(CLAIM_END))
        return [claim for claim in found if claim is not None]

    def _read(self, name: str) -> _Claim | None:
        """A claim or the lock; one that is damaged is nobody's: any run may adopt it."""
        piece = self._bucket.read(self._home.key(name), size=_CLAIM_MAX_BYTES)
        if piece is None:
            return None
        plain = name.removeprefix(f"{CLAIMED}/").removesuffix(CLAIM_END)
        try:
            facts = json.loads(piece.data)
            known = {key: str(facts[key]) for key in ("run", "arrived", "verdict")}
            return _Claim(plain, **known, etag=piece.etag)
        except (ValueError, KeyError, TypeError):
            return _Claim(plain, run="unreadable", etag=piece.etag)

    def _put(self, claim: _Claim) -> _Claim:
        key = self._home.key(_claim_name(claim.name))
        return replace(claim, etag=self._bucket.put(key, claim.data, etag=claim.etag))

    def _put_new(self, name: str, claim: _Claim) -> bool:
        return self._bucket.put_new(self._home.key(name), claim.data)

    def _folder(self, submission: str) -> S3Folder:
        return self._subfolder(f"{CLAIMED}/{submission}")

    def _subfolder(self, name: str) -> S3Folder:
        return S3Folder(self._bucket, parse_s3(self._home.address(name)))


def _claim_name(submission: str) -> str:
    return f"{CLAIMED}/{submission}{CLAIM_END}"
