"""What the ledger is to be told next: collected while a commit runs, written in one group."""

import logging
from dataclasses import dataclass, field

from birthcert.ledger.ledger import Ledger
from birthcert.ledger.records import Delivery

log = logging.getLogger(__name__)


@dataclass
class Notes:
    """Facts on ledger rows, by row id, that are not committed yet."""

    issued: list[tuple[int, str]] = field(default_factory=list)
    delivered: list[Delivery] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)
    unanswered: list[tuple[int, str]] = field(default_factory=list)

    def commit(self, ledger: Ledger) -> None:
        """Write everything in one transaction; on an error all of it is kept."""
        if not (self.issued or self.delivered or self.failed or self.unanswered):
            return
        ledger.record(
            issued=self.issued,
            delivered=self.delivered,
            failed=self.failed,
            unanswered=self.unanswered,
        )
        self.issued, self.delivered, self.failed, self.unanswered = [], [], [], []

    def last_commit(self, ledger: Ledger) -> None:
        """Commit before the chunk ends; what cannot be written goes to the log."""
        try:
            self.commit(ledger)
        finally:
            for row_id, arn in self.issued:
                log.error("issued, but not in the ledger: row %d is %s", row_id, arn)
