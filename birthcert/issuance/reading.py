"""The CSRs of a manifest's rows, read: one by one, or by the hundred in the helper process.

What the ledger knows as delivered is not decoded again. Its row says that this very CSR, by its
SHA-256, passed every check under this device id and from this template, and was certified; what
else could have changed since (another row with the same name or key, a subject in the manifest,
the provisioning template) is checked all the same.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, Protocol

from birthcert.errors import UnusableInput
from birthcert.issuance.csr_files import csr_bytes
from birthcert.issuance.helper import Helper, begun_ahead
from birthcert.issuance.job import template_for
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Known
from birthcert.models import IssueRequest, Place
from birthcert.pki.csr import Csr, plain_csr_sha256, read_csr, read_csrs
from birthcert.storage.folder import Folder

# Of (device id, CSR's SHA-256), what the ledger has as delivered.
LookUp = Callable[[list[tuple[str, str]]], dict[tuple[str, str], Known]]


class Reading(NamedTuple):
    """A row with its CSR, or with what is wrong with that; `known` where it was delivered."""

    row: ManifestRow
    csr: Csr | UnusableInput
    known: Known | None = None


class Reader(Protocol):
    """Reads the CSRs of rows, in their order; the manifest's lines are parsed by its `helper`."""

    @property
    def helper(self) -> Helper | None:
        """None: all is done in this process."""

    def __call__(self, rows: Iterable[ManifestRow], folder: Folder) -> Iterator[Reading]:
        """`folder` is the manifest's own."""


class ReadEach:
    """One by one, in this process."""

    helper = None

    def __call__(self, rows: Iterable[ManifestRow], folder: Folder) -> Iterator[Reading]:
        """Each when it is asked for."""
        for row in rows:
            try:
                csr: Csr | UnusableInput = read_csr(csr_bytes(row, folder))
            except UnusableInput as error:
                csr = error
            yield Reading(row, csr)


READ_EACH: Final = ReadEach()


def _known_to_nobody(_wanted: list[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    return {}


@dataclass(frozen=True)
class ReadAhead:
    """Some hundred rows at a time: looked up in the ledger, the rest read by the helper."""

    helper: Helper
    look_up: LookUp = _known_to_nobody

    def __call__(self, rows: Iterable[ManifestRow], folder: Folder) -> Iterator[Reading]:
        """A few hundred rows are read before they are asked for."""
        for hundreds in begun_ahead(rows, partial(self._begin, folder=folder)):
            yield from hundreds.readings()

    def _begin(self, rows: list[ManifestRow], folder: Folder) -> "_Hundreds":
        pems = [_pem(row, folder) for row in rows]
        hashes = [row.csr_sha256 or _sha256(pem) for row, pem in zip(rows, pems, strict=True)]
        wanted = [
            (row.device_id, sha256) for row, sha256 in zip(rows, hashes, strict=True) if sha256
        ]
        known = self.look_up(wanted) if wanted else {}
        found = [known.get((row.device_id, hashes[at] or "")) for at, row in enumerate(rows)]
        unread = [pem for pem, each in zip(pems, found, strict=True) if each is None]
        future = self.helper.submit(read_csrs, unread) if unread else None
        return _Hundreds(rows, pems, hashes, found, future)


def reader_for(
    request: IssueRequest, place: Place, authority_arn: str, ledger: Ledger, helper: Helper | None
) -> Reader:
    """Reading ahead where there is a helper, that is for large batches."""
    if helper is None:
        return READ_EACH
    template = template_for(request.template, subject_given=request.subject == "from-manifest")
    authority_of = request.tenant, place.key, authority_arn
    return ReadAhead(helper, partial(ledger.delivered_of, authority_of, template))


@dataclass(frozen=True)
class _Hundreds:
    rows: list[ManifestRow]
    pems: list[bytes | UnusableInput]
    hashes: list[str | None]
    found: list[Known | None]
    future: "Future[list[Csr | UnusableInput]] | None"

    def readings(self) -> Iterator[Reading]:
        read = iter(self.future.result() if self.future else ())
        columns = zip(self.rows, self.pems, self.hashes, self.found, strict=True)
        for row, pem, sha256, known in columns:
            if known is None:
                yield Reading(row, next(read))
            else:
                assert isinstance(pem, bytes)
                assert sha256 is not None
                yield Reading(row, _csr_again(row, pem, sha256, known), known)


def _pem(row: ManifestRow, folder: Folder) -> bytes | UnusableInput:
    try:
        return csr_bytes(row, folder)
    except UnusableInput as error:
        return error


def _sha256(pem: bytes | UnusableInput) -> str | None:
    return None if isinstance(pem, UnusableInput) else plain_csr_sha256(pem)


def _csr_again(row: ManifestRow, pem: bytes, sha256: str, known: Known) -> Csr:
    """The CSR as it was when it passed: in its own subject it then had the device's name alone,
    or the manifest's subject replaced it, and does so again."""
    return Csr(
        pem=pem,
        common_names=(row.device_id,),
        public_key_sha256=known.public_key_sha256,
        sha256=sha256,
        key_algorithm="",
    )
