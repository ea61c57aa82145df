"""A CA's certificates that are no device's: its own, its proofs to AWS IoT, and canaries'."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine, select

from birthcert.ledger import books
from birthcert.ledger.connection import reading, writing
from birthcert.ledger.records import OwnKind
from birthcert.ledger.rows import insert_new
from birthcert.ledger.schema import authority, own_certificate
from birthcert.models import Place


class OwnBook:
    """Certificates by their ARN; they belong to no batch, and none is bought again for another.

    Raises LedgerUnavailable as the ledger does.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine, self._clock = engine, clock

    def remember(
        self, tenant: str, place: Place, authority_arn: str, own: Mapping[str, OwnKind]
    ) -> None:
        """Write down what an authority has issued for itself; what is there already stays."""
        if not own:
            return
        now = self._clock()
        with writing(self._engine) as connection:
            row_id = books.authority_id(connection, tenant, place, authority_arn, now)
            rows: list[dict[str, object]] = [
                {
                    "authority_id": row_id,
                    "kind": kind,
                    "certificate_arn": arn,
                    "recorded_at": now,
                }
                for arn, kind in own.items()
            ]
            insert_new(connection, own_certificate, rows)

    def of(self, place: Place, authority_arn: str) -> dict[str, OwnKind]:
        """What an authority is known to have issued for itself: ARN -> kind."""
        query = (
            select(own_certificate.c.certificate_arn, own_certificate.c.kind)
            .join(authority, authority.c.id == own_certificate.c.authority_id)
            .where(authority.c.place == place.key, authority.c.arn == authority_arn)
            .order_by(own_certificate.c.id)
        )
        with reading(self._engine) as connection:
            return {row.certificate_arn: row.kind for row in connection.execute(query)}
