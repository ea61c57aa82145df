"""The ledger's tables; migrations/ makes them, and a test holds the two together."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from birthcert import limits

# In the order in which the migrations run; a test compares them with Alembic's own.
SCHEMA_VERSIONS: Final = ("0001", "0002", "0003", "0004")

CERTIFICATE_STATES: Final = ("intended", "requested", "issued", "delivered", "refused", "failed")
OWN_KINDS: Final = ("authority", "verification", "canary")
QUOTA_SOURCES: Final = ("service-quotas", "default")
BATCH_STATES: Final = ("running", "done", "partly", "failed", "interrupted")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows by itself only in an INTEGER column
Id = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: SQLite keeps no time zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


authority = Table(
    "authority",
    metadata,
    Column("id", Id, primary_key=True),
    Column("tenant", String(32), nullable=False),
    Column("place", String(128), nullable=False),
    Column("arn", String(256), nullable=False),
    Column("certificate_pem", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("tenant", "place", "arn"),
    sqlite_autoincrement=True,
)

registration = Table(
    "registration",
    metadata,
    Column("id", Id, primary_key=True),
    Column("authority_id", ForeignKey("authority.id"), nullable=False),
    Column("certificate_id", String(64), nullable=False),
    Column("certificate_arn", String(256), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("authority_id", "certificate_arn"),
    sqlite_autoincrement=True,
)

batch = Table(
    "batch",
    metadata,
    Column("id", Id, primary_key=True),
    Column("authority_id", ForeignKey("authority.id"), nullable=False),
    Column("manifest", Text, nullable=False, default=""),
    Column("out", Text, nullable=False, default=""),
    Column("state", String(16), nullable=False),
    Column("requested", Integer, nullable=False, default=0),
    Column("issued", Integer, nullable=False, default=0),
    Column("existing", Integer, nullable=False, default=0),
    Column("refused", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    _one_of("state", BATCH_STATES),
    sqlite_autoincrement=True,
)

# Who works on rows right now; deleting a claim frees all its rows at once. Ids are never used
# again (autoincrement), so a row that still names a deleted claim is free.
claim = Table(
    "claim",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("process_space", String(128), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

certificate = Table(
    "certificate",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("authority_id", ForeignKey("authority.id"), nullable=False),
    Column("device_id", String(128), nullable=False),
    Column("csr_sha256", String(64), nullable=False),
    Column("public_key_sha256", String(64), nullable=False),
    Column("template", String(128), nullable=False),
    Column("generation", Integer, nullable=False, default=0),
    Column("token", String(limits.IDEMPOTENCY_TOKEN_MAX_LENGTH), nullable=False),
    Column("state", String(16), nullable=False),
    Column("claim_id", Id),
    Column("certificate_arn", String(256)),
    Column("serial_number", String(64)),
    Column("not_before", UtcDateTime),
    Column("not_after", UtcDateTime),
    Column("reason", Text, nullable=False, default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("requested_at", UtcDateTime),
    Column("issued_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    # the token is made of the authority's facts and these, so it needs no index of its own
    UniqueConstraint("authority_id", "device_id", "csr_sha256", "generation"),
    UniqueConstraint("certificate_arn"),
    _one_of("state", CERTIFICATE_STATES),
    CheckConstraint(
        "state NOT IN ('issued', 'delivered') OR certificate_arn IS NOT NULL", name="arn"
    ),
    Index("ix_certificate_batch_id", "batch_id"),
    sqlite_autoincrement=True,
)

# One quota of AWS, for all who use the ledger. Moments are seconds since the epoch by the
# database's own clock, so that arithmetic on them is the same on both databases.
quota = Table(
    "quota",
    metadata,
    Column("id", Id, primary_key=True),
    Column("place", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("limit_per_second", Double, nullable=False),
    Column("source", String(16), nullable=False),
    Column("read_at", Double, nullable=False),
    Column("factor", Double, nullable=False),
    Column("backed_off_at", Double, nullable=False),
    Column("next_free", Double, nullable=False),
    UniqueConstraint("place", "action"),
    _one_of("source", QUOTA_SOURCES),
    sqlite_autoincrement=True,
)

own_certificate = Table(
    "own_certificate",
    metadata,
    Column("id", Id, primary_key=True),
    Column("authority_id", ForeignKey("authority.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("certificate_arn", String(256), nullable=False, unique=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    _one_of("kind", OWN_KINDS),
    sqlite_autoincrement=True,
)
