"""Alembic environment of the ledger: how an old ledger becomes one of today."""
