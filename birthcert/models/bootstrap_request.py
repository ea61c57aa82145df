"""What a user asks of the flow `bootstrap`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from birthcert import limits
from birthcert.models.authority_request import (
    AuthorityMode,
    AuthorityOptions,
    OfflineRootOptions,
    PcaRootOptions,
)
from birthcert.models.base import TAG_PLACE, TAG_TENANT, Facts, Place, RegistrationMode
from birthcert.models.requests import (
    AccountNumber,
    BlockName,
    CanaryRequest,
    Region,
    WhereRequest,
)


class VerificationOptions(Facts):
    """The certificate that proves to AWS IoT that the CA is yours; its key is dropped at once."""

    model_config = ConfigDict(title="Verification certificate")

    template: Literal["EndEntityCertificate/V1", "SubordinateCACertificate_PathLen0/V1"] = Field(
        default="EndEntityCertificate/V1",
        description="The written recipe used SubordinateCACertificate_PathLen0/V1, "
        "which makes a usable sub-CA.",
    )
    validity_days: Annotated[int, Field(ge=1, le=3_650)] = Field(
        default=1, description="The written recipe used 3640."
    )


class DevicePolicyOptions(Facts):
    """The one policy that every provisioned device gets."""

    model_config = ConfigDict(title="Device policy")

    name: Annotated[str, Field(pattern=f"^({limits.POLICY_NAME_PATTERN})?$")] = Field(
        default="", description="Empty: 'TENANT-device'."
    )
    kind: Literal["least-privilege", "recipe-wide"] = Field(
        default="least-privilege",
        description="recipe-wide lets every device do as every other: only for a lab.",
    )
    topic_namespace: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{1,64})?$")] = Field(
        default="", description="First level of the devices' topics. Empty: the tenant."
    )
    document: str | None = Field(
        default=None, description="Your own policy document (JSON) instead of a kind."
    )


class FurtherPlace(Facts):
    """One more account and region in which the CA is registered, with all that devices need."""

    model_config = ConfigDict(title="Further place")

    region: Region | None = Field(
        default=None, description="AWS region. Empty: that of the account block."
    )
    account: AccountNumber | None = Field(
        default=None,
        description="The account that must be reached. Empty: the one of the credentials.",
    )
    account_block: BlockName | None = Field(
        default=None,
        description="Name of the AWS Account block to work with there. "
        "Empty: the credentials of the run.",
    )


class BootstrapRequest(WhereRequest):
    """Make one account and region ready: CA, registration, just-in-time provisioning."""

    authority: AuthorityMode = Field(
        default="pca-root",
        description="Where the trust starts. pca-root: a ROOT CA in AWS Private CA. "
        "pca-hierarchy: a ROOT CA there signs a SUBORDINATE one and is disabled. offline-root: "
        "a root of your own signs a SUBORDINATE one. existing: a Private CA that is there, by ARN.",
    )
    authority_arn: str | None = Field(
        default=None, description="existing: the Private CA to adopt; it is never altered."
    )
    certificate_authority: AuthorityOptions = AuthorityOptions()
    pca_root: PcaRootOptions = PcaRootOptions()
    offline_root: OfflineRootOptions = OfflineRootOptions()
    registration_mode: RegistrationMode = Field(
        default="DEFAULT",
        description="How AWS IoT knows the CA. DEFAULT: proved by a verification certificate, by "
        "one account in a region. SNI_ONLY: without proof, by several accounts.",
    )
    verification_certificate: VerificationOptions = VerificationOptions()
    thing_type: Annotated[str, Field(pattern=f"^{limits.THING_NAME_PATTERN}$")] = Field(
        default="UnifiedAgent", description="Thing type of every provisioned device."
    )
    device_policy: DevicePolicyOptions = DevicePolicyOptions()
    role_name: Annotated[str, Field(pattern=f"^{limits.ROLE_NAME_PATTERN}$")] = Field(
        default="ACME-IOT-JIT-PROV", description="IAM role that AWS IoT provisions under."
    )
    template_body: str | None = Field(
        default=None, description="Your own provisioning template (JSON) instead of ours."
    )
    further_places: Annotated[list[FurtherPlace], Field(max_length=50)] = Field(
        default=[],
        description="More accounts and regions whose devices this CA certifies. One that fails "
        "stops no other.",
    )
    tags: dict[str, str] = Field(
        default={}, description="Your own tags on all that is made, such as OWNER."
    )
    refresh: bool = Field(
        default=False, description="Look everything up in AWS again, whatever was recorded."
    )
    canary: bool = Field(
        default=True,
        description="Prove at the end what was made: a throw-away device is provisioned, publishes "
        "and is taken away again. Buys a certificate, and needs a route to the device endpoint.",
    )

    def replaced_arn(self) -> str | None:
        """The CA that this one succeeds, in a rollover."""
        return None

    def authority_block(self) -> str | None:
        """The block of the account in which the CA stands; None: this machine's credentials."""
        return self.account_block

    def policy_name(self) -> str:
        """The device policy's name, the tenant's where none was given."""
        return self.device_policy.name or f"{self.tenant}-device"

    def topic_namespace(self) -> str:
        """First level of the devices' topics, the tenant where none was given."""
        return self.device_policy.topic_namespace or self.tenant

    def canary_request(self) -> "CanaryRequest":
        """The request of the canary that proves what this one made."""
        where = {name: getattr(self, name) for name in WhereRequest.model_fields}
        return CanaryRequest(
            **where, authority_arn=self.authority_arn, topic_namespace=self.topic_namespace()
        )

    def all_tags(self, place: Place) -> dict[str, str]:
        """The user's tags and the two by which a later run finds what this one made."""
        return {**self.tags, TAG_TENANT: self.tenant, TAG_PLACE: place.name}
