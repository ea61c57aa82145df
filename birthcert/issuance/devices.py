"""A device on its way to a certificate, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from birthcert.ledger.records import Known
from birthcert.pki.csr import Csr

DeviceResult = Literal["issued", "existing", "refused", "failed"]


# not frozen: that would triple the time to make one, and a million are made
@dataclass(slots=True)
class Device:
    """One row of a manifest that passed the checks.

    `row` is the manifest's own row number; `subject` is Private CA's ASN1Subject where the
    manifest replaces the CSR's subject, else None [7]. `known` is what the ledger has of its
    certificate, where it was looked up while the manifest was read.
    """

    row: int
    device_id: str
    csr: Csr
    subject: dict[str, str] | None = None
    known: Known | None = None


@dataclass(slots=True)
class DeviceOutcome:
    """One row of report.csv; `not_after` is ISO 8601, `certificate` a path, empty is unknown.

    `repeats` is the earlier row that has the same name or key, where that is the reason.
    """

    device_id: str
    row: int
    outcome: DeviceResult
    serial_number: str = ""
    certificate_arn: str = ""
    not_after: str = ""
    certificate: str = ""
    reason: str = ""
    repeats: int | None = None
