"""Run by Alembic: migrates over the connection, and in the transaction, that migrate.py opened."""

from alembic import context

from birthcert.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
