"""What the ledger knows to be bought: the certificates that have an ARN."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, tuple_

from birthcert.ledger.listed import given_rows, listed, listed_keys, text_at
from birthcert.ledger.moments import iso_text
from birthcert.ledger.records import Known
from birthcert.ledger.schema import authority, certificate, own_certificate

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

# `tenant`, `place`, `arn`
_AUTHORITY: Final = select(authority.c.id).where(
    authority.c.tenant == bindparam("tenant"),
    authority.c.place == bindparam("place"),
    authority.c.arn == bindparam("arn"),
)

# `rows`: device id, CSR's SHA-256; `authority`, `template`
_wanted = given_rows("rows")
_DELIVERED_OF: Final = select(
    _c.device_id,
    _c.csr_sha256,
    _c.public_key_sha256,
    _c.certificate_arn,
    _c.serial_number,
    iso_text(_c.not_after),
).where(
    _c.authority_id == bindparam("authority"),
    # not joined: SQLite would go through the authority's rows for each one that is wanted
    tuple_(_c.device_id, _c.csr_sha256).in_(select(text_at(_wanted, 0), text_at(_wanted, 1))),
    _c.generation == 0,
    _c.template == bindparam("template"),
    _c.state == "delivered",
)

# `rows`: device id; `tenant`
_authority_of = select(authority.c.id).where(authority.c.tenant == bindparam("tenant"))
_PLACES_OF: Final = (
    select(_c.device_id, authority.c.place)
    .join(authority, authority.c.id == _c.authority_id)
    .where(
        _c.authority_id.in_(_authority_of),
        _c.device_id.in_(select(text_at(_wanted, 0))),
        _c.state.in_(("requested", "issued", "delivered")),
    )
)


def count_bought(connection: Connection, place: str, since: datetime | None) -> dict[str, int]:
    """How many certificates each authority of a place has issued, all or from a moment on.

    Its own are counted by when the ledger learned of them.
    """
    counts: Counter[str] = Counter()
    for table, moment in (
        (certificate, _c.issued_at),
        (own_certificate, own_certificate.c.recorded_at),
    ):
        query = (
            select(authority.c.arn, func.count())
            .join(table, authority.c.id == table.c.authority_id)
            .where(authority.c.place == place, table.c.certificate_arn.is_not(None))
            .group_by(authority.c.arn)
        )
        if since is not None:
            query = query.where(moment >= since)
        counts.update({row[0]: int(row[1]) for row in connection.execute(query)})
    return dict(counts)


def bought_of(
    connection: Connection, place: str, arn: str, wanted: Sequence[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Of (device id, CSR's SHA-256), those that have their certificate from this authority."""
    devices = [device_id for device_id, _ in wanted]
    rows = connection.execute(_BOUGHT_OF, {"place": place, "arn": arn, "devices": devices})
    return {(row.device_id, row.csr_sha256) for row in rows} & set(wanted)


def delivered_of(
    connection: Connection,
    authority_of: tuple[str, str, str],
    template: str,
    wanted: Iterable[tuple[str, str]],
) -> dict[tuple[str, str], Known]:
    """Of (device id, CSR's SHA-256), those delivered from this authority's template.

    `authority_of` is the authority's tenant, place and ARN.
    """
    whose = dict(zip(("tenant", "place", "arn"), authority_of, strict=True))
    facts = {
        "authority": connection.execute(_AUTHORITY, whose).scalar(),
        "template": template,
        "rows": listed(wanted),
    }
    rows = connection.execute(_DELIVERED_OF, facts).all()
    return {(device_id, sha256): Known(*known) for device_id, sha256, *known in rows}


def places_of(
    connection: Connection, tenant: str, device_ids: Iterable[str]
) -> dict[str, set[str]]:
    """Of device ids, those that have a certificate or may have one, each with its places."""
    facts = {"tenant": tenant, "rows": listed_keys(device_ids)}
    found: dict[str, set[str]] = {}
    for device_id, place in connection.execute(_PLACES_OF, facts):
        found.setdefault(device_id, set()).add(place)
    return found
