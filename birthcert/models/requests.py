"""What a user asks of the flows on devices; bootstrap has a module of its own."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from birthcert.models.base import TENANT_PATTERN, Facts, Partition
from birthcert.pki.algorithms import KeyAlgorithm

AccountNumber = Annotated[str, Field(pattern=r"^\d{12}$")]
Region = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]+)+-\d$")]
BlockName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]


class TenantRequest(Facts):
    """Which tenant."""

    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)] = Field(
        description="Whose devices: lower-case letters, digits and hyphens. Tags everything made.",
        examples=["acme"],
    )


class WhereRequest(TenantRequest):
    """Which tenant, in which account and region."""

    account: AccountNumber | None = Field(
        default=None,
        description="The AWS account that must be reached, 12 digits. "
        "Empty: the one that the credentials belong to.",
    )
    region: Region | None = Field(
        default=None,
        description="AWS region, such as eu-west-1. Empty: the credentials' own.",
    )
    account_block: BlockName | None = Field(
        default=None,
        description="Name of the AWS Account block to work with. "
        "Empty: the machine's own credentials.",
    )
    partition: Partition = Field(
        default="aws", description="aws, aws-cn (China) or aws-us-gov (GovCloud)."
    )


class IssuerRequest(WhereRequest):
    """Which CA of the tenant issues."""

    authority_arn: str | None = Field(
        default=None, description="The issuing CA. Empty: the tenant's, found by its tags."
    )


class BatchOptions(Facts):
    """How the devices of a batch are certified."""

    out: str = Field(
        description="Folder for certificates and report.csv: a path or s3://bucket/prefix."
    )
    template: Literal["EndEntityClientAuthCertificate/V1", "EndEntityCertificate/V1"] = Field(
        default="EndEntityClientAuthCertificate/V1",
        description="EndEntityCertificate/V1 is the written recipe's: it is good for servers too.",
    )
    validity_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        default=3_640, description="Cut to the CA's own end where that comes first."
    )
    subject: Literal["from-csr", "from-manifest"] = Field(
        default="from-csr",
        description="from-csr: the CSR's CommonName must be the device_id. "
        "from-manifest: the manifest's columns replace the CSR's subject.",
    )
    layout: Literal["auto", "files", "bundle"] = Field(
        default="auto",
        description="files: a folder for each device. bundle: a gzipped part for each chunk, "
        "for large batches. auto: a bundle for more than 10,000 devices.",
    )
    chunk_size: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=500, description="Devices in one task run, and in one part of a bundle."
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=16, description="Calls to AWS at the same time."
    )
    rate_per_second: Annotated[float, Field(gt=0, le=100_000)] | None = Field(
        default=None,
        description="Certificates a second, shared by all who have this ledger. "
        "Empty: what Service Quotas gives the account.",
    )
    quota_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="The part of each quota to use: 0.8 leaves a fifth to others in the account.",
    )
    shard_size: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="A batch of more devices is handed to the workers in shards of so many. "
        "Empty: one run does it all.",
    )
    max_cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Buy nothing where the batch can cost more US dollars than this. "
        "Empty: whatever it costs.",
    )
    approve: bool = Field(
        default=False,
        description="Approved already: a batch above BIRTHCERT_APPROVAL_ABOVE_DEVICES does not "
        "wait for someone in the UI.",
    )


class BatchRequest(BatchOptions, IssuerRequest):
    """A batch in one place."""


class Shard(Facts):
    """The rows `first` to `last` of a manifest, `devices` in number, for a run of their own.

    `repeated`: rows that have the name or the key of a row before them, and the reason.
    """

    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    devices: Annotated[int, Field(ge=1)]
    repeated: dict[int, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if not 1 <= self.devices <= self.last - self.first + 1:
            raise ValueError(f"rows {self.label} cannot be {self.devices} devices")
        return self

    @property
    def label(self) -> str:
        """`FIRST-LAST`."""
        return f"{self.first}-{self.last}"


class ManifestOptions(BatchOptions):
    """Which devices are certified, and how."""

    manifest: str = Field(
        description="CSV (device_id,csr) or JSONL, gzipped or not: a path or s3://bucket/key."
    )
    generate_keys: KeyAlgorithm | None = Field(
        default=None, description="Test fleets only: make the devices' keys here, encrypted."
    )
    key_passphrase_file: str | None = Field(
        default=None,
        description="File with the passphrase for generated keys; "
        "empty: the environment's BIRTHCERT_KEY_PASSPHRASE.",
    )


class IssueRequest(ManifestOptions, BatchRequest):
    """Certify the devices of a manifest."""

    shard: Shard | None = Field(
        default=None,
        description="Leave empty: the rows of a shard, set by the run that hands it out.",
    )

    @property
    def title(self) -> str:
        """The tenant, and a shard's rows: what a run is called by."""
        return f"{self.tenant} · rows {self.shard.label}" if self.shard else self.tenant


class InboxRequest(BatchRequest):
    """Certify what has arrived in the tenant's inbox."""

    inbox: str = Field(
        description="Folder with manifests and loose *.csr files, a path or s3://bucket/prefix; "
        "what was worked on moves to done/ or failed/ in it."
    )


class ReconcileRequest(IssuerRequest):
    """Compare the ledger with what Private CA has issued, and put it right."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] = Field(
        description="S3 bucket for Private CA's audit report; its policy must let Private CA write."
    )
    dry_run: bool = Field(
        default=False, description="Only say what is wrong: change neither ledger nor files."
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=16, description="Calls to AWS at the same time."
    )


class CanaryRequest(IssuerRequest):
    """Prove that a new device of the tenant would be provisioned and could work."""

    topic_namespace: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{1,64})?$")] = Field(
        default="", description="First level of the devices' topics. Empty: the tenant."
    )
