"""The SQL on the table `certificate`, built once: building it costs more than running it.

Parameters: `key` (row id), `keys` (row ids, listed), `rows` (listed, with the columns that the
statement names), `claim`, `now`, and those that a statement names.
"""

from typing import Final

from sqlalchemy import bindparam, case, func, or_, select, true, tuple_, update

from birthcert.ledger.listed import given_rows, moment_at, number_at, text_at
from birthcert.ledger.schema import UtcDateTime, authority, certificate

_c = certificate.c
_keys, _rows = given_rows("keys"), given_rows("rows")
_NOW: Final = bindparam("now", type_=UtcDateTime())
_THIS: Final = _c.id == bindparam("key")
_THESE: Final = _c.id.in_(select(number_at(_keys, 0)))
_GIVEN: Final = _c.id == number_at(_rows, 0)
# All transactions lock rows in the order of their ids, so that two runs on Postgres cannot wait
# for each other; SQLite has one writer at a time anyway.
_locked = certificate.alias("locked")
_THESE_IN_ORDER: Final = _c.id.in_(
    select(_locked.c.id)
    .where(_locked.c.id.in_(select(number_at(_keys, 0))))
    .order_by(_locked.c.id)
    .with_for_update()
)
_MINE: Final = _c.claim_id == bindparam("claim")
_NO_ARN: Final = _c.certificate_arn.is_(None)

# In the order of the fields of Record; `claim_id` follows.
RECORDS: Final = select(
    _c.id,
    _c.batch_id,
    authority.c.tenant,
    authority.c.place,
    authority.c.arn,
    _c.device_id,
    _c.csr_sha256,
    _c.public_key_sha256,
    _c.template,
    _c.generation,
    _c.token,
    _c.state,
    _c.certificate_arn,
    _c.serial_number,
    _c.not_before,
    _c.not_after,
    _c.reason,
    _c.requested_at,
    _c.claim_id,
).join(authority, authority.c.id == _c.authority_id)

# `rows`: device id, CSR's SHA-256, generation; `authority`
LOCK: Final = (
    RECORDS.where(
        _c.authority_id == bindparam("authority"),
        tuple_(_c.device_id, _c.csr_sha256, _c.generation).in_(
            select(text_at(_rows, 0), text_at(_rows, 1), number_at(_rows, 2))
        ),
    )
    .order_by(_c.id)
    .with_for_update(of=certificate)
)

# The columns that differ between the rows of one batch, in the order of `rows`; the others are
# parameters.
INTENDED_COLUMNS: Final = (
    _c.token,
    _c.device_id,
    _c.csr_sha256,
    _c.public_key_sha256,
    _c.template,
    _c.generation,
    _c.reason,
)
INTENDED: Final = select(
    *(
        (number_at if column is _c.generation else text_at)(_rows, position)
        for position, column in enumerate(INTENDED_COLUMNS)
    ),
    bindparam("batch", type_=_c.batch_id.type),
    bindparam("authority", type_=_c.authority_id.type),
    bindparam("state", type_=_c.state.type),
    bindparam("claim", type_=_c.claim_id.type),
    _NOW,
    _NOW,
).where(true())
INTENDED_NAMES: Final = [
    *(column.name for column in INTENDED_COLUMNS),
    *("batch_id", "authority_id", "state", "claim_id", "created_at", "updated_at"),
]

TAKE: Final = update(certificate).where(_THESE).values(claim_id=bindparam("claim"))

# `batch`, `name` (of the template), `hash` (of the public key)
INTEND_AGAIN: Final = (
    update(certificate)
    .where(_THIS)
    .values(
        batch_id=bindparam("batch"),
        template=bindparam("name"),
        public_key_sha256=bindparam("hash"),
        state="intended",
        requested_at=None,
        reason="",
        updated_at=_NOW,
    )
)

# `forgotten`: before this moment a request's token does not count any more [6]. A request inside
# the life of its token keeps its first moment: AWS counts from there.
MARK_REQUESTED: Final = (
    update(certificate)
    .where(_THESE_IN_ORDER, _MINE)
    .values(
        requested_at=case(
            (
                (_c.state == "requested")
                & (_c.requested_at > bindparam("forgotten", type_=UtcDateTime())),
                _c.requested_at,
            ),
            else_=_NOW,
        ),
        state="requested",
        reason="",
        updated_at=_NOW,
    )
    .returning(_c.id, _c.requested_at)
)

WITHDRAW: Final = (
    update(certificate)
    .where(_THESE_IN_ORDER, _MINE, _c.state == "requested")
    .values(state="intended", requested_at=None, updated_at=_NOW)
)

# before an UPDATE of given rows, where rows are locked one by one
LOCK_IN_ORDER: Final = select(_c.id).where(_THESE).order_by(_c.id).with_for_update()

# `rows`: id, arn
RECORD_ISSUED: Final = (
    update(certificate)
    .where(_GIVEN, or_(_NO_ARN, _c.certificate_arn == text_at(_rows, 1)))
    .values(
        certificate_arn=text_at(_rows, 1),
        state=case((_c.state == "delivered", "delivered"), else_="issued"),
        issued_at=func.coalesce(_c.issued_at, _NOW),
        reason="",
        updated_at=_NOW,
    )
)

# `rows`: id, serial number, start, end
RECORD_DELIVERED: Final = (
    update(certificate)
    .where(_GIVEN)
    .values(
        state="delivered",
        serial_number=text_at(_rows, 1),
        not_before=moment_at(_rows, 2),
        not_after=moment_at(_rows, 3),
        reason="",
        claim_id=None,
        delivered_at=_NOW,
        updated_at=_NOW,
    )
)

# `why`
RECORD_FAILED: Final = (
    update(certificate)
    .where(_THIS)
    .values(
        state=case((_NO_ARN, "failed"), else_=_c.state),
        reason=bindparam("why"),
        claim_id=None,
        updated_at=_NOW,
    )
)
RECORD_UNANSWERED: Final = (
    update(certificate).where(_THIS).values(reason=bindparam("why"), claim_id=None, updated_at=_NOW)
)

ARNS: Final = select(_c.id, _c.device_id, _c.certificate_arn).where(_THESE)
