"""The ledger: what was intended and what was issued, for AWS Private CA lists nothing [14]."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import Engine

from birthcert.ledger import books, certificates, claims, corrections, purchases, statements
from birthcert.ledger import intents as intents_of
from birthcert.ledger.connection import connect, reading, writing
from birthcert.ledger.errors import LedgerConflict
from birthcert.ledger.failures import name_of
from birthcert.ledger.migrate import bring_forward
from birthcert.ledger.own_book import OwnBook
from birthcert.ledger.quota_book import QuotaBook
from birthcert.ledger.records import (
    Adoption,
    Authority,
    Batch,
    BatchState,
    CertificateState,
    Delivery,
    Intent,
    Known,
    Record,
    Refusal,
    Registration,
)
from birthcert.ledger.schema import authority, certificate
from birthcert.models import Place


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


class Ledger:
    """One ledger, safe for several threads and processes; each call is one transaction.

    Every method raises LedgerUnavailable where the database cannot be reached, is locked, full,
    read-only or damaged. When a method that writes returns, what it wrote survives a power cut.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine, self._clock = engine, clock

    @classmethod
    def open(
        cls,
        url: str | None,
        state_folder: Path,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Open the ledger at a URL, by default a SQLite file in the state folder; migrate it.

        ConfigurationError for a URL that names neither Postgres nor a SQLite file; LedgerTooNew
        for one written by a newer release.
        """
        engine = connect(url, state_folder)
        bring_forward(engine, now=clock())
        return cls(engine, clock)

    @property
    def name(self) -> str:
        """The file, or the URL without its password."""
        return name_of(self._engine.url)

    @property
    def quota_book(self) -> QuotaBook:
        """AWS's call quotas, shared by all who have this ledger."""
        return QuotaBook(self._engine)

    @property
    def own_book(self) -> OwnBook:
        """What authorities have issued for themselves, beside the devices' certificates."""
        return OwnBook(self._engine, self._clock)

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def remember_authority(
        self, tenant: str, place: Place, arn: str, *, certificate_pem: str, known_as: Registration
    ) -> None:
        """Write down an authority with its certificate, and a registration of it with AWS IoT."""
        now = self._clock()
        with writing(self._engine) as connection:
            row_id = books.authority_id(connection, tenant, place, arn, now)
            books.set_certificate(connection, row_id, certificate_pem, now)
            books.add_registration(connection, row_id, known_as, now)

    def authorities(self, *, tenant: str | None = None) -> list[Authority]:
        """All authorities that were remembered, or a tenant's."""
        with reading(self._engine) as connection:
            return books.list_authorities(connection, tenant)

    def begin_batch(
        self, tenant: str, place: Place, authority_arn: str, *, manifest: str = "", out: str = ""
    ) -> int:
        """Open a batch, of which all that follows is part; returns its number."""
        now = self._clock()
        with writing(self._engine) as connection:
            row_id = books.authority_id(connection, tenant, place, authority_arn, now)
            return books.add_batch(connection, row_id, manifest, out, now)

    def end_batch(self, batch_id: int, state: BatchState, counts: Mapping[str, int]) -> None:
        """Close a batch; counts by `requested`, `issued`, `existing`, `refused`, `failed`."""
        with writing(self._engine) as connection:
            books.end_batch(connection, batch_id, state, counts, self._clock())

    def note_batch(self, batch_id: int, counts: Mapping[str, int]) -> None:
        """How far a batch is that goes on; counts as for `end_batch`."""
        with writing(self._engine) as connection:
            books.note_batch(connection, batch_id, counts)

    def batches(self, *, tenant: str | None = None) -> list[Batch]:
        """All batches, the newest first."""
        with reading(self._engine) as connection:
            return books.list_batches(connection, tenant)

    def claim(self, batch_id: int) -> int:
        """A claim of this process, by whose number rows are held for one run of work.

        It holds for 60 s and as long as it is renewed, or until the process is gone.
        """
        with writing(self._engine) as connection:
            return claims.open_claim(connection, batch_id, self._clock())

    def renew(self, claim_id: int) -> None:
        """Make the claim hold for 60 s from now."""
        with writing(self._engine) as connection:
            claims.renew_claim(connection, claim_id, self._clock())

    def release(self, claim_id: int) -> None:
        """Free all that the claim holds."""
        with writing(self._engine) as connection:
            claims.close_claim(connection, claim_id)

    def intend(self, batch_id: int, claim_id: int, intents: Sequence[Intent]) -> list[Record]:
        """Write down what is to be bought; returns the row of each intent, in their order.

        Rows that no other run holds and that are not delivered become the claim's (`mine`). A row
        of an earlier run keeps its state, but what was not bought is `intended` again. Called once
        more, it tells what became of rows that another run held. ValueError for two intents of one
        certificate.
        """
        with writing(self._engine) as connection:
            return intents_of.intend(connection, batch_id, claim_id, intents, self._clock())

    def mark_requested(self, claim_id: int, ids: Sequence[int]) -> dict[int, datetime]:
        """Write down that AWS is about to be asked: before IssueCertificate, without exception.

        Returns the rows that the claim still holds, each with the moment from which its token
        counts; nothing may be bought for the others. Inside the token's life the first request's
        moment stays [6].
        """
        with writing(self._engine) as connection:
            return certificates.mark_requested(connection, claim_id, ids, self._clock())

    def withdraw(self, claim_id: int, ids: Sequence[int]) -> None:
        """Make `intended` again what was marked, but for which AWS was certainly not asked."""
        with writing(self._engine) as connection:
            certificates.withdraw(connection, claim_id, ids, self._clock())

    def record(
        self,
        *,
        issued: Sequence[tuple[int, str]] = (),
        delivered: Sequence[Delivery] = (),
        failed: Sequence[tuple[int, str]] = (),
        unanswered: Sequence[tuple[int, str]] = (),
    ) -> None:
        """Write down what became of rows, all in one transaction.

        `issued`: (row id, certificate ARN), right after AWS's answer. `delivered`: the files lie
        in their place. `failed`: (row id, why) where AWS certainly bought nothing; a row with an
        ARN stays `issued`. `unanswered`: (row id, why) where that is unknown; the row stays
        `requested`. All but `issued` free their rows for later runs.

        LedgerConflict where a row has another ARN already; all the rest is written nevertheless.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            conflicts = certificates.record_issued(connection, issued, now)
            certificates.record_delivered(connection, delivered, now)
            certificates.record_failed(connection, failed, now)
            certificates.record_unanswered(connection, unanswered, now)
        if conflicts:
            raise LedgerConflict(
                f"bought twice: {'; '.join(conflicts)}",
                remedy="revoke the second certificate of each device",
            )

    def adopt(self, adoptions: Sequence[Adoption]) -> set[int]:
        """Give rows that have no ARN the certificates that AWS issued for them: `issued`.

        Returns the ids of the rows that took theirs. A row that a living run holds is left alone.
        LedgerConflict where another row has such an ARN already.
        """
        with writing(self._engine) as connection:
            return corrections.adopt(connection, adoptions, self._clock())

    def release_requests(self, asked: Mapping[int, datetime | None]) -> set[int]:
        """Make rows `intended` again that AWS has certainly issued nothing for.

        `asked`: row id -> the request's moment; a row that was asked for anew meanwhile, or that
        a living run holds, stays. Returns the ids of those that changed.
        """
        with writing(self._engine) as connection:
            return corrections.release(connection, asked, self._clock())

    def deny(self, arns: Mapping[int, str]) -> set[int]:
        """Take from rows the ARNs that AWS does not know: they are `failed`, with the reason.

        Returns the ids of the rows that changed.
        """
        with writing(self._engine) as connection:
            return corrections.deny(connection, arns, self._clock())

    def batches_at_work(self) -> dict[int, bool]:
        """Of the batches that runs have claims of, whether one of these runs is still alive."""
        with reading(self._engine) as connection:
            return corrections.batches_at_work(connection, self._clock())

    def states_of_batches(self) -> dict[int, dict[str, int]]:
        """How many rows of each batch are in each state."""
        with reading(self._engine) as connection:
            return corrections.count_states(connection)

    def count_bought(self, place: Place, since: datetime | None = None) -> dict[str, int]:
        """How many certificates each authority of a place has issued, by its ARN."""
        with reading(self._engine) as connection:
            return purchases.count_bought(connection, place.key, since)

    def bought_of(
        self, place: Place, arn: str, wanted: Sequence[tuple[str, str]]
    ) -> set[tuple[str, str]]:
        """Of a few hundred (device id, CSR's SHA-256), those that this authority has certified."""
        with reading(self._engine) as connection:
            return purchases.bought_of(connection, place.key, arn, wanted)

    def delivered_of(
        self,
        authority_of: tuple[str, str, str],
        template: str,
        wanted: Iterable[tuple[str, str]],
    ) -> dict[tuple[str, str], Known]:
        """Of some hundred (device id, CSR's SHA-256), what was delivered from this template.

        `authority_of` is the authority's tenant, place key and ARN.
        """
        with reading(self._engine) as connection:
            return purchases.delivered_of(connection, authority_of, template, wanted)

    def places_of(self, tenant: str, device_ids: Iterable[str]) -> dict[str, set[str]]:
        """Of some hundred devices, at which places (keys) the tenant may have certified each."""
        with reading(self._engine) as connection:
            return purchases.places_of(connection, tenant, device_ids)

    def record_refused(self, batch_id: int, refusals: Sequence[Refusal]) -> None:
        """Write down rows of a manifest that are not to be bought; never touches a bought one."""
        with writing(self._engine) as connection:
            intents_of.refuse(connection, batch_id, refusals, self._clock())

    def records(
        self,
        *,
        tenant: str | None = None,
        place: Place | None = None,
        authority_arn: str | None = None,
        batch_id: int | None = None,
        states: Collection[CertificateState] = (),
        public_keys: Collection[str] = (),
    ) -> Iterator[Record]:
        """The rows that fit all of what is given, in the order they were made.

        `public_keys` are at most a few thousand hashes.
        """
        wanted = (
            (authority.c.tenant, tenant),
            (authority.c.place, place.key if place else None),
            (authority.c.arn, authority_arn),
            (certificate.c.batch_id, batch_id),
        )
        query = statements.RECORDS.where(
            *(column == value for column, value in wanted if value is not None)
        )
        if states:
            query = query.where(certificate.c.state.in_(states))
        if public_keys:
            query = query.where(certificate.c.public_key_sha256.in_(public_keys))
        with reading(self._engine) as connection:
            yield from certificates.stream(connection, query)
