"""What can be wrong with the ledger, in the user's words."""

from birthcert.errors import BirthcertError


class LedgerUnavailable(BirthcertError):
    """The ledger cannot be read or written: not reachable, locked, full, read-only or damaged."""


class LedgerTooNew(BirthcertError):
    """The ledger was written by a newer release, whose schema this one does not know."""

    exit_code = 2

    def __init__(self, *, ledger: str, schema: str, known: str) -> None:
        super().__init__(
            f"the ledger {ledger} has schema {schema}, this release knows up to {known}",
            remedy="nothing was touched: upgrade birthcert, or point it to another ledger",
            ledger=ledger,
            schema=schema,
            known=known,
        )


class LedgerConflict(BirthcertError):
    """What was to be recorded contradicts what the ledger holds: a certificate bought twice."""
