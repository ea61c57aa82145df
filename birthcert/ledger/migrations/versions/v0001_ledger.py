"""The first ledger: authorities, registrations, batches, claims and certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the five tables."""
    _authority()
    _registration()
    _batch()
    _claim()
    _certificate()


def _authority() -> None:
    op.create_table(
        "authority",
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("place", sa.String(128), nullable=False),
        sa.Column("arn", sa.String(256), nullable=False),
        sa.Column("certificate_pem", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_authority"),
        sa.UniqueConstraint("tenant", "place", "arn", name="uq_authority_tenant"),
        sqlite_autoincrement=True,
    )


def _registration() -> None:
    op.create_table(
        "registration",
        sa.Column("id", Id, nullable=False),
        sa.Column("authority_id", Id, nullable=False),
        sa.Column("certificate_id", sa.String(64), nullable=False),
        sa.Column("certificate_arn", sa.String(256), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registration"),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authority.id"], name="fk_registration_authority_id"
        ),
        sa.UniqueConstraint("authority_id", "certificate_id", name="uq_registration_authority_id"),
        sqlite_autoincrement=True,
    )


def _batch() -> None:
    op.create_table(
        "batch",
        sa.Column("id", Id, nullable=False),
        sa.Column("authority_id", Id, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("out", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("requested", sa.Integer, nullable=False),
        sa.Column("issued", sa.Integer, nullable=False),
        sa.Column("existing", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
        sa.PrimaryKeyConstraint("id", name="pk_batch"),
        sa.ForeignKeyConstraint(["authority_id"], ["authority.id"], name="fk_batch_authority_id"),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'partly', 'failed', 'interrupted')", name="ck_batch_state"
        ),
        sqlite_autoincrement=True,
    )


def _claim() -> None:
    op.create_table(
        "claim",
        sa.Column("id", Id, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("process_space", sa.String(128), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("lease_until", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_claim"),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name="fk_claim_batch_id"),
        sqlite_autoincrement=True,
    )


def _certificate() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", Id, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("authority_id", Id, nullable=False),
        sa.Column("device_id", sa.String(128), nullable=False),
        sa.Column("csr_sha256", sa.String(64), nullable=False),
        sa.Column("public_key_sha256", sa.String(64), nullable=False),
        sa.Column("template", sa.String(128), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("token", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("claim_id", Id),
        sa.Column("certificate_arn", sa.String(256)),
        sa.Column("serial_number", sa.String(64)),
        sa.Column("not_before", Moment),
        sa.Column("not_after", Moment),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("requested_at", Moment),
        sa.Column("issued_at", Moment),
        sa.Column("delivered_at", Moment),
        sa.Column("updated_at", Moment, nullable=False),
        *_certificate_constraints(),
        sqlite_autoincrement=True,
    )
    for column in ("batch_id", "public_key_sha256"):
        op.create_index(f"ix_certificate_{column}", "certificate", [column])


def _certificate_constraints() -> list[sa.Constraint]:
    states = "'intended', 'requested', 'issued', 'delivered', 'refused', 'failed'"
    return [
        sa.PrimaryKeyConstraint("id", name="pk_certificate"),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name="fk_certificate_batch_id"),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["authority.id"], name="fk_certificate_authority_id"
        ),
        sa.UniqueConstraint(
            "authority_id",
            "device_id",
            "csr_sha256",
            "generation",
            name="uq_certificate_authority_id",
        ),
        sa.UniqueConstraint("token", name="uq_certificate_token"),
        sa.UniqueConstraint("certificate_arn", name="uq_certificate_certificate_arn"),
        sa.CheckConstraint(f"state IN ({states})", name="ck_certificate_state"),
        sa.CheckConstraint(
            "state NOT IN ('issued', 'delivered') OR certificate_arn IS NOT NULL",
            name="ck_certificate_arn",
        ),
    ]
