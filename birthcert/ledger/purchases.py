"""What the ledger knows to be bought: the certificates that have an ARN."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from birthcert.ledger.schema import authority, certificate

_c = certificate.c
# rows of one authority, bought: `place`, `arn`
_BOUGHT_OF: Final = (
    select(_c.device_id, _c.csr_sha256)
    .join(authority, authority.c.id == _c.authority_id)
    .where(
        authority.c.place == bindparam("place"),
        authority.c.arn == bindparam("arn"),
        _c.device_id.in_(bindparam("devices", expanding=True)),
        _c.certificate_arn.is_not(None),
    )
)


def count_bought(connection: Connection, place: str, since: datetime | None) -> dict[str, int]:
    """How many certificates each authority of a place has issued, all or from a moment on."""
    query = (
        select(authority.c.arn, func.count())
        .join(certificate, authority.c.id == _c.authority_id)
        .where(authority.c.place == place, _c.certificate_arn.is_not(None))
        .group_by(authority.c.arn)
    )
    if since is not None:
        query = query.where(_c.issued_at >= since)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def bought_of(
    connection: Connection, place: str, arn: str, wanted: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Of (device id, CSR's SHA-256), those that have their certificate from this authority."""
    devices = [device_id for device_id, _ in wanted]
    rows = connection.execute(_BOUGHT_OF, {"place": place, "arn": arn, "devices": devices})
    return {(row.device_id, row.csr_sha256) for row in rows} & set(wanted)
