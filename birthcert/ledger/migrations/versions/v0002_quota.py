"""The quota book: one row for each of AWS's quotas that runs share."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "quota",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("limit_per_second", sa.Double, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("read_at", sa.Double, nullable=False),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("backed_off_at", sa.Double, nullable=False),
        sa.Column("next_free", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota"),
        sa.UniqueConstraint("place", "action", name="uq_quota_place"),
        sa.CheckConstraint("source IN ('service-quotas', 'default')", name="ck_quota_source"),
        sqlite_autoincrement=True,
    )
