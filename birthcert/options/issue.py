"""The flags of issue and fleet, and of a plan for a batch."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FleetDevices:
    """The devices to certify, wherever."""

    manifest: str
    """CSV (device_id,csr) or JSONL, gzipped or not."""
    out: str
    """Folder for certificates and report.csv."""
    template: str = "EndEntityClientAuthCertificate/V1"
    """The written recipe used EndEntityCertificate/V1."""
    validity_days: int = 3_640
    """Cut to the CA's own end where that comes first."""
    subject: str = "from-csr"
    """from-csr: the CSR's CommonName must be the device_id. from-manifest: the columns rule."""
    generate_keys: str | None = None
    """RSA_2048 to RSA_4096, EC_prime256v1 or EC_secp384r1: make the devices' keys here, encrypted.
    Test fleets only."""
    key_passphrase_file: str | None = None
    """File with the passphrase for them; else BIRTHCERT_KEY_PASSPHRASE."""
    layout: str = "auto"
    """files: a folder a device. bundle: gzipped parts. auto: a bundle for over 10,000 devices."""
    chunk_size: int = 500
    """Devices in one task run, and in one part of a bundle."""
    threads: int = 16
    """Calls to AWS at the same time."""
    rate_per_second: float | None = None
    """Certificates a second; what Service Quotas gives the account where not given."""
    quota_share: float = 1.0
    """The part of each quota to use; the rest is left to others in the account."""
    shard_size: int | None = None
    """Hand a larger batch to the workers of the Prefect server in shards of so many devices."""
    max_cost: float | None = None
    """Stop before the first certificate where the batch can cost more US dollars."""
    approve: bool = False
    """Do not wait for approval in Prefect's UI, however large the batch."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of IssueRequest or FleetRequest."""
        facts = dict(vars(self))
        facts["max_cost_usd"] = facts.pop("max_cost")
        return facts


@dataclass(frozen=True)
class Devices(FleetDevices):
    """The devices to certify."""

    authority_arn: str | None = None
    """The issuing CA; the tenant's where not given."""


@dataclass(frozen=True)
class PlannedDevices:
    """A batch to plan."""

    manifest: str | None = None
    """Plan a batch of these devices instead of a bootstrap."""
    place: list[str] | None = None
    """Plan it over these places, as for fleet: [ACCOUNT/]REGION[@BLOCK], twice or more."""
    issuing_template: str = "EndEntityClientAuthCertificate/V1"
    """The written recipe used EndEntityCertificate/V1."""
    validity_days: int = 3_640
    """Of the devices' certificates."""
    subject: str = "from-csr"
    """from-csr or from-manifest, as for issue."""
    generate_keys: str | None = None
    """As for issue; a plan makes none."""
    max_cost: float | None = None
    """Exit code 2 where the batch can cost more US dollars than this."""
    rate_per_second: float | None = None
    """Certificates a second; what Service Quotas gives the account where not given."""
    quota_share: float = 1.0
    """The part of each quota that the batch may use."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of IssueRequest or FleetRequest; a plan has no output."""
        return {
            "rate_per_second": self.rate_per_second,
            "quota_share": self.quota_share,
            "manifest": self.manifest,
            "template": self.issuing_template,
            "validity_days": self.validity_days,
            "subject": self.subject,
            "generate_keys": self.generate_keys,
            "max_cost_usd": self.max_cost,
            "out": "",
        }
