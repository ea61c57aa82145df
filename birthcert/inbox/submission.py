"""What an inbox hands out: a manifest with its CSRs, claimed by one run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from birthcert.errors import UnusableInput
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.output import REPORT
from birthcert.storage.folder import Folder
from birthcert.storage.stores import Storage

Verdict = Literal["done", "failed"]
MANIFEST_ENDS: Final = (".csv", ".jsonl", ".csv.gz", ".jsonl.gz")
CSR_END: Final = ".csr"
LOOSE: Final = "loose-csrs"
CLAIMED: Final = "claimed"
OWN_FOLDERS: Final = (CLAIMED, "done", "failed")


@dataclass(frozen=True)
class Submission:
    """One manifest and its CSRs in a folder of their own; `run` has claimed it."""

    name: str
    run: str
    folder: Folder
    manifest: str

    @property
    def address(self) -> str:
        """The manifest's path, or its address in S3."""
        return self.folder.address(self.manifest)


class Inbox(Protocol):
    """Where submissions arrive; every submission is handed to one run at a time."""

    def claimed_by(self) -> list[str]:
        """The runs that hold submissions."""

    def adopt(self, run: str, by: str) -> None:
        """Give another run what a run that has ended left behind."""

    def claim(self, run: str) -> list[Submission]:
        """Take what is new; returns all that the run holds."""

    def settle(self, submission: Submission, verdict: Verdict) -> str:
        """Move a submission, with all that lies in its folder, to done/ or failed/; says where."""


def is_manifest(name: str) -> bool:
    """Whether a name at the top of an inbox is a manifest's; a leading dot marks unfinished."""
    return name.endswith(MANIFEST_ENDS) and not name.startswith(".") and name != REPORT


def is_loose_csr(name: str) -> bool:
    """Whether a name at the top of an inbox is a CSR's."""
    return name.lower().endswith(CSR_END) and not name.startswith(".")


def manifest_of(submission: str) -> str | None:
    """The name of the manifest that a submission was made of; None: it was loose CSRs."""
    name = submission.rpartition("@")[0]
    return name if is_manifest(name) else None


def csr_paths(manifest: str, storage: Storage) -> Iterator[str]:
    """The CSR files that a manifest names, as it names them; none where it cannot be read.

    What is wrong with it is said when it is worked on.
    """
    try:
        for row in read_manifest(manifest, csr_required=False, storage=storage):
            if row.csr_path:
                yield row.csr_path
    except UnusableInput:
        return
