"""What goes into the ledger and comes out of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

CertificateState = Literal["intended", "requested", "issued", "delivered", "refused", "failed"]
OwnKind = Literal["authority", "verification", "canary"]
BatchState = Literal["running", "done", "partly", "failed", "interrupted"]


@dataclass(frozen=True)
class Intent:
    """A certificate that is about to be bought; hashes are SHA-256 in hex."""

    device_id: str
    csr_sha256: str
    public_key_sha256: str
    template: str
    generation: int = 0


@dataclass(frozen=True)
class Refusal:
    """A row of a manifest that is not bought, and why; hashes are empty where there is no CSR."""

    device_id: str
    reason: str
    csr_sha256: str = ""
    public_key_sha256: str = ""


@dataclass(frozen=True)
class Delivery:
    """A certificate whose files are written."""

    id: int
    serial_number: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True)
class Adoption:
    """A certificate that AWS issued for a row and whose answer was lost."""

    id: int
    certificate_arn: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime


@dataclass(frozen=True)
class Record:
    """One row of the table `certificate`; moments are in UTC.

    The states say what is known of the money: `intended`, `refused` and `failed` were not bought;
    `requested` may have been; `issued` and `delivered` were, and have an ARN. `mine` is true for
    the claim that asked: nobody else works on the row.
    """

    id: int
    batch_id: int
    tenant: str
    place: str
    authority_arn: str
    device_id: str
    csr_sha256: str
    public_key_sha256: str
    template: str
    generation: int
    token: str
    state: CertificateState
    certificate_arn: str | None
    serial_number: str | None
    not_before: datetime | None
    not_after: datetime | None
    reason: str
    requested_at: datetime | None
    mine: bool = False


class Known(NamedTuple):
    """A delivered certificate as far as a report tells of it; the moment is ISO 8601, in UTC."""

    public_key_sha256: str
    certificate_arn: str
    serial_number: str
    not_after: str


@dataclass(frozen=True)
class Batch:
    """One row of the table `batch`: a run of `issue`; counts are devices."""

    id: int
    tenant: str
    place: str
    authority_arn: str
    manifest: str
    out: str
    state: BatchState
    requested: int
    issued: int
    existing: int
    refused: int
    failed: int
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Registration:
    """An authority's registration with AWS IoT."""

    certificate_id: str
    certificate_arn: str


@dataclass(frozen=True)
class Authority:
    """A certificate authority that the ledger knows; the PEM is empty where it was not told."""

    tenant: str
    place: str
    arn: str
    certificate_pem: str
    registrations: tuple[Registration, ...]
