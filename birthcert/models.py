"""What travels between the layers: requests that a user fills in, and frozen facts that come back.

Every model is frozen and refuses unknown fields, so a typo in a deployment's parameters is an
error and not a default. Facts gain fields only with defaults: older persisted results must load.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from birthcert import limits
from birthcert.pki.algorithms import KeyAlgorithm, SigningAlgorithm

Partition = Literal["aws", "aws-cn", "aws-us-gov"]
Outcome = Literal["created", "found", "cached"]
TENANT_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
TAG_TENANT = "birthcert:tenant"
TAG_PLACE = "birthcert:place"


class Facts(BaseModel):
    """Base of every model here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Facts):
    """Where a run acts: one account in one region; `sandbox` names the local stand-in, if any."""

    partition: Partition
    account: str
    region: str
    sandbox: str | None = None

    @property
    def name(self) -> str:
        """`aws:123456789012:eu-west-1`: the value of the tag `birthcert:place`."""
        return f"{self.partition}:{self.account}:{self.region}"

    @property
    def key(self) -> str:
        """A file-name-safe key; a sandbox's books never mix with those of real AWS."""
        key = f"{self.partition}-{self.account}-{self.region}"
        return f"{key}-sandbox-{self.sandbox}" if self.sandbox else key


class WhereRequest(Facts):
    """Which tenant, in which account and region."""

    tenant: Annotated[str, Field(pattern=TENANT_PATTERN)] = Field(
        description="Whose devices: lower-case letters, digits and hyphens. Tags everything made.",
        examples=["acme"],
    )
    account: Annotated[str, Field(pattern=r"^\d{12}$")] | None = Field(
        default=None,
        description="The AWS account that must be reached, 12 digits. "
        "Empty: the one that the credentials belong to.",
    )
    region: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z]+)+-\d$")] | None = Field(
        default=None,
        description="AWS region, such as eu-west-1. Empty: the credentials' own.",
    )
    partition: Partition = Field(
        default="aws", description="aws, aws-cn (China) or aws-us-gov (GovCloud)."
    )


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


class BootstrapRequest(WhereRequest):
    """Make one account and region ready: CA, registration, just-in-time provisioning."""

    authority: Literal["pca-root"] = Field(
        default="pca-root", description="Where the trust starts: a ROOT CA in AWS Private CA."
    )
    certificate_authority: AuthorityOptions = AuthorityOptions()
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
    tags: dict[str, str] = Field(
        default={}, description="Your own tags on all that is made, such as OWNER."
    )
    refresh: bool = Field(
        default=False, description="Look everything up in AWS again, whatever was recorded."
    )

    def policy_name(self) -> str:
        """The device policy's name, the tenant's where none was given."""
        return self.device_policy.name or f"{self.tenant}-device"

    def topic_namespace(self) -> str:
        """First level of the devices' topics, the tenant where none was given."""
        return self.device_policy.topic_namespace or self.tenant

    def all_tags(self, place: Place) -> dict[str, str]:
        """The user's tags and the two by which a later run finds what this one made."""
        return {**self.tags, TAG_TENANT: self.tenant, TAG_PLACE: place.name}


class IssueRequest(WhereRequest):
    """Certify the devices of a manifest."""

    manifest: str = Field(description="CSV (device_id,csr) or JSONL, gzipped or not.")
    out: str = Field(description="Folder for certificates and report.csv.")
    authority_arn: str | None = Field(
        default=None, description="The issuing CA. Empty: the tenant's, found by its tags."
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
    generate_keys: Literal["RSA_2048", "EC_prime256v1"] | None = Field(
        default=None, description="Test fleets only: make the devices' keys here, encrypted."
    )
    key_passphrase_file: str | None = Field(
        default=None,
        description="File with the passphrase for generated keys; "
        "empty: the environment's BIRTHCERT_KEY_PASSPHRASE.",
    )
    chunk_size: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=100, description="Devices in one task run."
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=16, description="Calls to AWS at the same time."
    )


class Step(Facts):
    """One line of a bootstrap's report."""

    name: str
    outcome: Outcome
    arn: str = ""
    seconds: float = 0.0


class Resource(Facts):
    """What a step made or found: base of the steps' own models."""

    arn: str
    outcome: Outcome = "created"

    def found(self) -> Self:
        """The same resource, as one that was there already."""
        return self.model_copy(update={"outcome": "found"})


class Caller(Facts):
    """Who calls AWS, and where."""

    arn: str
    user_id: str
    place: Place
    outcome: Outcome = "found"


class CertificateAuthority(Resource):
    """A Private CA; `certificate_pem` is empty until it is installed."""

    status: str
    key_algorithm: str
    signing_algorithm: str
    certificate_pem: str = ""
    not_after: str = ""


class IssuingAuthority(CertificateAuthority):
    """The ACTIVE CA that issues to devices, and the template that AWS IoT will run for them."""

    template_body: str = ""


class RegistrationCode(Resource):
    """AWS IoT's registration code for an account and region (no ARN: a pseudo one)."""

    code: str


class VerificationCertificate(Resource):
    """The issued verification certificate; its key is gone. Empty PEM: it is not needed again."""

    certificate_pem: str = ""


class Registration(Resource):
    """A CA certificate registered with AWS IoT."""

    certificate_id: str
    verification_certificate_arn: str = ""


class ThingType(Resource):
    """A thing type."""

    name: str


class DevicePolicy(Resource):
    """The devices' policy."""

    name: str
    document: str


class ProvisioningRole(Resource):
    """The role that AWS IoT provisions under."""

    name: str


class ProvisioningTemplate(Resource):
    """The just-in-time provisioning template that hangs on a registration (its ARN)."""

    body: str


class VerifiedRegistration(Resource):
    """What AWS IoT says of the registration, compared with what was sent."""

    status: str
    auto_registration: str


class Endpoint(Resource):
    """Where devices connect: the iot:Data-ATS address (pseudo ARN)."""

    address: str


class BootstrapReport(Facts):
    """The JSON of `birthcert bootstrap --json`."""

    tenant: str
    account: str
    region: str
    partition: Partition
    sandbox: str | None = None
    authority_arn: str
    authority_certificate_pem: str
    authority_not_after: str
    registration: dict[str, str]
    verification_certificate_arn: str
    role_arn: str
    policy_name: str
    policy_arn: str
    thing_type: str
    template_body: str
    endpoint: str
    steps: list[Step]
    seconds: float


class IssueReport(Facts):
    """The JSON of `birthcert issue --json`; counts are devices."""

    tenant: str
    account: str
    region: str
    authority_arn: str
    requested: int
    issued: int
    existing: int
    refused: int
    failed: int
    seconds: float
    certificates_per_second: float
    throttled: int
    report: str
    out: str

    def exit_code(self) -> int:
        """0 all have certificates; 3 some have not, the report says why; 1 AWS failed for all."""
        if self.failed and not self.issued + self.existing:
            return 1
        return 3 if self.refused or self.failed else 0
