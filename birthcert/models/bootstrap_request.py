"""What a user asks of the flow `bootstrap`."""

from typing import Annotated, Literal

from pydantic import Field

from birthcert import limits
from birthcert.models.base import TAG_PLACE, TAG_TENANT, Facts, Place, RegistrationMode
from birthcert.models.requests import (
    AccountNumber,
    BlockName,
    CanaryRequest,
    Region,
    WhereRequest,
)
from birthcert.pki.algorithms import KeyAlgorithm, SigningAlgorithm


class Subject(Facts):
    """A certificate's subject; an empty field is left out."""

    common_name: Annotated[str, Field(max_length=limits.COMMON_NAME_MAX_LENGTH)] = ""
    organization: Annotated[str, Field(max_length=64)] = ""
    organizational_unit: Annotated[str, Field(max_length=64)] = ""
    country: Annotated[str, Field(pattern=r"^([A-Za-z]{2})?$")] = ""
    state: Annotated[str, Field(max_length=128)] = ""
    locality: Annotated[str, Field(max_length=128)] = ""
    serial_number: Annotated[str, Field(pattern=r"^[a-zA-Z0-9'()+\-.?:/= ]{0,64}$")] = ""
    distinguished_name_qualifier: Annotated[
        str, Field(pattern=r"^[a-zA-Z0-9'()+\-.?:/= ]{0,64}$")
    ] = ""

    def as_asn1_subject(self) -> dict[str, str]:
        """The ASN1Subject structure of Private CA's API, empty fields left out."""
        names = {
            "Country": self.country,
            "Organization": self.organization,
            "OrganizationalUnit": self.organizational_unit,
            "DistinguishedNameQualifier": self.distinguished_name_qualifier,
            "State": self.state,
            "CommonName": self.common_name,
            "SerialNumber": self.serial_number,
            "Locality": self.locality,
        }
        return {name: value for name, value in names.items() if value}


class AuthorityOptions(Facts):
    """The certificate authority to make in AWS Private CA."""

    key_algorithm: KeyAlgorithm = Field(
        default="RSA_2048", description="The CA's key; it never leaves AWS."
    )
    signing_algorithm: SigningAlgorithm | None = Field(
        default=None, description="Empty: the one that fits the key."
    )
    subject: Subject = Field(
        default=Subject(),
        description="The CA's subject. Empty common name: '<tenant> device CA'.",
    )
    validity_days: Annotated[int, Field(ge=1, le=73_000)] = Field(
        default=3_650, description="Life of the CA's own certificate, in days."
    )
    usage_mode: Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"] = Field(
        default="GENERAL_PURPOSE",
        description="SHORT_LIVED_CERTIFICATE issues for 7 days at most; cannot be changed later.",
    )
    key_storage_security_standard: Literal[
        "FIPS_140_2_LEVEL_3_OR_HIGHER", "FIPS_140_2_LEVEL_2_OR_HIGHER", "CCPC_LEVEL_1_OR_HIGHER"
    ] = Field(
        default="FIPS_140_2_LEVEL_3_OR_HIGHER",
        description="Some regions have no FIPS level 3: choose CCPC_LEVEL_1_OR_HIGHER there.",
    )


class VerificationOptions(Facts):
    """The certificate that proves to AWS IoT that the CA is yours; its key is dropped at once."""

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

    name: Annotated[str, Field(pattern=f"^({limits.POLICY_NAME_PATTERN})?$")] = Field(
        default="", description="Empty: '<tenant>-device'."
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

    authority: Literal["pca-root"] = Field(
        default="pca-root", description="Where the trust starts: a ROOT CA in AWS Private CA."
    )
    certificate_authority: AuthorityOptions = AuthorityOptions()
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
        return CanaryRequest(**where, topic_namespace=self.topic_namespace())

    def all_tags(self, place: Place) -> dict[str, str]:
        """The user's tags and the two by which a later run finds what this one made."""
        return {**self.tags, TAG_TENANT: self.tenant, TAG_PLACE: place.name}
