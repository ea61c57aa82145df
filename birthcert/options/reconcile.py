"""The flags of reconcile."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reconciling:
    """What to compare the ledger with."""

    bucket: str
    """S3 bucket for Private CA's audit report; its policy must let Private CA write."""
    authority_arn: str | None = None
    """The CA to look at; the tenant's where not given."""
    dry_run: bool = False
    """Only say what is wrong: change neither ledger nor files."""
    threads: int = 16
    """Calls to AWS at the same time."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of ReconcileRequest."""
        return dict(vars(self))
