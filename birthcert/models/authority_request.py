"""What a user asks of a certificate authority: which kind, with which root, key and limits."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from birthcert import limits
from birthcert.models.base import Facts
from birthcert.pki.algorithms import KeyAlgorithm, SigningAlgorithm, iot_refusal

AuthorityMode = Literal["pca-root", "pca-hierarchy", "offline-root", "existing"]

KeyStorage = Literal[
    "FIPS_140_2_LEVEL_3_OR_HIGHER", "FIPS_140_2_LEVEL_2_OR_HIGHER", "CCPC_LEVEL_1_OR_HIGHER"
]


def _listed_by_iot(algorithm: object) -> object:
    """What AWS IoT does not take is refused with its rule, before pydantic lists what there is."""
    if isinstance(algorithm, str) and (refusal := iot_refusal(algorithm)):
        raise ValueError(refusal)
    return algorithm


SubjectText = Annotated[str, Field(pattern=r"^[a-zA-Z0-9'()+\-.?:/= ]{0,64}$")]


class Subject(Facts):
    """A certificate's subject; an empty field is left out."""

    model_config = ConfigDict(title="Subject")

    common_name: Annotated[str, Field(max_length=limits.COMMON_NAME_MAX_LENGTH)] = Field(
        default="", description="CN, 64 characters at most."
    )
    organization: Annotated[str, Field(max_length=64)] = Field(default="", description="O.")
    organizational_unit: Annotated[str, Field(max_length=64)] = Field(default="", description="OU.")
    country: Annotated[str, Field(pattern=r"^([A-Za-z]{2})?$")] = Field(
        default="", description="C, two letters, such as DE."
    )
    state: Annotated[str, Field(max_length=128)] = Field(default="", description="ST.")
    locality: Annotated[str, Field(max_length=128)] = Field(default="", description="L.")
    serial_number: SubjectText = Field(
        default="", description="serialNumber of the subject, not the certificate's."
    )
    distinguished_name_qualifier: SubjectText = Field(default="", description="dnQualifier.")

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

    model_config = ConfigDict(title="Certificate authority")

    key_algorithm: Annotated[KeyAlgorithm, BeforeValidator(_listed_by_iot)] = Field(
        default="RSA_2048", description="The CA's key; it never leaves AWS."
    )
    signing_algorithm: Annotated[SigningAlgorithm, BeforeValidator(_listed_by_iot)] | None = Field(
        default=None, description="Empty: the one that fits the key."
    )
    subject: Subject = Field(
        default=Subject(),
        description="The CA's subject. Empty common name: 'TENANT device CA'.",
    )
    validity_days: Annotated[int, Field(ge=1, le=73_000)] = Field(
        default=3_650, description="Life of the CA's own certificate, in days."
    )
    path_length: Annotated[int, Field(ge=0, le=8)] | None = Field(
        default=None,
        description="How many CAs may stand below a subordinate one. Empty: 0, device "
        "certificates alone. A ROOT CA of Private CA has no limit.",
    )
    usage_mode: Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"] = Field(
        default="GENERAL_PURPOSE",
        description="SHORT_LIVED_CERTIFICATE issues for 7 days at most; cannot be changed later.",
    )
    key_storage_security_standard: KeyStorage = Field(
        default="FIPS_140_2_LEVEL_3_OR_HIGHER",
        description="Some regions have no FIPS level 3: choose CCPC_LEVEL_1_OR_HIGHER there.",
    )

    def length_below(self) -> int:
        """How many CAs may stand below a subordinate one: 0 where nothing was asked for."""
        return self.path_length or 0


class PcaRootOptions(Facts):
    """The ROOT Private CA above the one that issues; it signs that one and is disabled."""

    model_config = ConfigDict(title="Root in Private CA")

    account_block: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = Field(
        default=None,
        title="Root Account Block",
        description="Name of the AWS Account block of the root's account. "
        "Empty: the issuing CA's account.",
    )
    key_algorithm: Annotated[KeyAlgorithm, BeforeValidator(_listed_by_iot)] = Field(
        default="RSA_4096",
        title="Root Key Algorithm",
        description="The root's key; it never leaves AWS.",
    )
    subject: Subject = Field(
        default=Subject(),
        title="Root Subject",
        description="The root's subject. Empty common name: 'TENANT root CA'.",
    )
    validity_days: Annotated[int, Field(ge=2, le=73_000)] = Field(
        default=7_300,
        title="Root Validity Days",
        description="Life of the root's certificate; no CA below it outlives it.",
    )
    key_storage_security_standard: KeyStorage = Field(
        default="FIPS_140_2_LEVEL_3_OR_HIGHER",
        title="Root Key Storage Security Standard",
        description="Some regions have no FIPS level 3: choose CCPC_LEVEL_1_OR_HIGHER there.",
    )


class OfflineRootOptions(Facts):
    """The owner's root above the CA: where it lies, or what it has signed."""

    model_config = ConfigDict(title="Offline root")

    block: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = Field(
        default=None,
        description="Name of the Offline Root block: the workers hold the root's files and sign "
        "with them. Empty: the files named here, or the run waits for the signed certificate.",
    )
    certificate_file: str | None = Field(
        default=None,
        description="PEM file with the root's certificate. Given without a key, a certificate "
        "that comes back must be from this root.",
    )
    key_file: str | None = Field(
        default=None, description="PEM file with the root's encrypted key."
    )
    passphrase_file: str | None = Field(
        default=None,
        description="File with the key's passphrase; empty: the environment's "
        "BIRTHCERT_ROOT_PASSPHRASE.",
    )
    ca_certificate: Annotated[str, Field(max_length=limits.CERTIFICATE_CHAIN_MAX_BYTES)] | None = (
        Field(
            default=None,
            description="The CA's certificate (PEM) as the root's owner signed it, then those "
            "above it: what `birthcert root sign` wrote.",
        )
    )

    @model_validator(mode="after")
    def _key_has_its_certificate(self) -> Self:
        # refused here: a CA that has its certificate already never looks at the root
        if self.key_file and not self.certificate_file:
            raise ValueError(
                "the root's key is named, but not its certificate; "
                "name both: --root-key and --root-certificate"
            )
        return self


class RootRequest(Facts):
    """A root of one's own to make."""

    subject: Subject
    key_algorithm: KeyAlgorithm = "RSA_4096"
    validity_days: Annotated[int, Field(ge=1, le=73_000)] = 73_000
    path_length: Annotated[int, Field(ge=0, le=8)] | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if not self.subject.common_name.strip():
            raise ValueError("a root needs a common name")
        return self


class SignRequest(Facts):
    """What a root signs a CA's CSR for; `csr_sha256` (hex, of the DER) pins the CSR."""

    path_length: Annotated[int, Field(ge=0, le=8)]
    validity_days: Annotated[int, Field(ge=1, le=73_000)] = 3_650
    csr_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
