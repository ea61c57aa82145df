"""Certificates that are no device's, and a CA's registrations in several places.

A registration has the same id in each place. The table was never written to before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make one table, and the other anew."""
    op.drop_table("registration")
    op.create_table(
        "registration",
        sa.Column("id", Id, nullable=False),
        sa.Column("authority_id", Id, nullable=False),
        sa.Column("certificate_id", sa.String(64), nullable=False),
        sa.Column("certificate_arn", sa.String(256), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registration"),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authority.id"], name="fk_registration_authority_id"
        ),
        sa.UniqueConstraint("authority_id", "certificate_arn", name="uq_registration_authority_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "own_certificate",
        sa.Column("id", Id, nullable=False),
        sa.Column("authority_id", Id, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("certificate_arn", sa.String(256), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_own_certificate"),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authority.id"], name="fk_own_certificate_authority_id"
        ),
        sa.UniqueConstraint("certificate_arn", name="uq_own_certificate_certificate_arn"),
        sa.CheckConstraint(
            "kind IN ('authority', 'verification', 'canary')", name="ck_own_certificate_kind"
        ),
        sqlite_autoincrement=True,
    )
