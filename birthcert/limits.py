"""AWS's limits that both the product and the sandbox must know: one place for each number.

Sources are botocore's service models and the 2022 Service Quotas defaults; the numbers in
brackets are the rules of docs/aws-semantics.md.
"""

from typing import Final

CSR_MAX_BYTES: Final = 32_768  # [10]
CERTIFICATE_MAX_BYTES: Final = 32_768  # [3]
CERTIFICATE_CHAIN_MAX_BYTES: Final = 2_097_152  # [3]
IDEMPOTENCY_TOKEN_MAX_LENGTH: Final = 36  # [6]
IDEMPOTENCY_TOKEN_SECONDS: Final = 300  # [6]
NOT_BEFORE_BACKDATE_SECONDS: Final = 3_600  # [8] notBefore = now - 60 min
SHORT_LIVED_MAX_DAYS: Final = 7  # [11]
AUDIT_REPORT_INTERVAL_SECONDS: Final = 1_800  # [14]
CERTIFICATES_PER_CA: Final = 1_000_000  # [18]
COMMON_NAME_MAX_LENGTH: Final = 64  # X.520 upper bound, [26]
RSA_MIN_BITS: Final = 2_048  # [24]

IOT_CA_CERTIFICATE_MAX_LENGTH: Final = 65_536  # [21] PEM characters
IOT_CAS_WITH_ONE_SUBJECT: Final = 10  # [21]
REGISTRATION_CODE_LENGTH: Final = 64  # [20] hex characters
TEMPLATE_BODY_MAX_LENGTH: Final = 10_240  # [21] characters
POLICY_DOCUMENT_MAX_LENGTH: Final = 2_048  # [29] characters, whitespace not counted
POLICY_VERSIONS: Final = 5
POLICIES_PER_PRINCIPAL: Final = 10  # [mem]
THING_ATTRIBUTES: Final = 3  # of a thing without a type
THING_ATTRIBUTES_WITH_TYPE: Final = 50
THING_TYPE_DELETION_SECONDS: Final = 300  # [32] from DeprecateThingType to DeleteThingType
POLICY_NAME_PATTERN: Final = r"[\w+=,.@-]{1,128}"
THING_NAME_PATTERN: Final = r"[a-zA-Z0-9:_-]{1,128}"  # [26] thing names and thing type names
ROLE_NAME_PATTERN: Final = r"[\w+=,.@-]{1,64}"
ROLE_ARN_MAX_LENGTH: Final = 2_048  # [21]
TOPIC_MAX_BYTES: Final = 256
TOPIC_MAX_SLASHES: Final = 7
MQTT_PAYLOAD_MAX_BYTES: Final = 131_072  # 128 KB

# Calls a second, per account and region, before any increase [18, 30].
DEFAULT_QUOTAS_PER_SECOND: Final[dict[str, dict[str, float]]] = {
    "acm-pca": {
        "IssueCertificate": 25,
        "GetCertificate": 75,
        "CreateCertificateAuthority": 1,
        "DescribeCertificateAuthority": 20,
        "GetCertificateAuthorityCertificate": 20,
        "GetCertificateAuthorityCsr": 10,
        "ImportCertificateAuthorityCertificate": 10,
        "RevokeCertificate": 20,
        "UpdateCertificateAuthority": 10,
        "DeleteCertificateAuthority": 10,
        "CreateCertificateAuthorityAuditReport": 1,
    },
    "iot": {
        "RegisterCertificate": 10,
        "RegisterThing": 10,
        "CreatePolicy": 10,
        "AttachPolicy": 15,
        "CreateThing": 100,
        "AttachThingPrincipal": 100,
        "RegisterCACertificate": 10,
        "UpdateCACertificate": 10,
        "DescribeCACertificate": 10,
        "GetRegistrationCode": 10,
        "DescribeCertificate": 10,
        "UpdateCertificate": 10,
    },
}
DEVICE_REGISTRATIONS_PER_SECOND: Final = 15  # [30]
CONNECTS_PER_SECOND: Final = 500  # [30] per account
CONNECTS_PER_SECOND_PER_CLIENT_ID: Final = 1  # [30]

# The calls that are made in number, one or more a device, and their quotas in Service Quotas:
# service code and quota code. Those of Private CA stand in two public listings of Service Quotas
# that agree; those of IoT in one [mem]. A code that AWS does not know falls back to the default.
SERVICE_QUOTAS: Final[dict[str, tuple[str, str]]] = {
    "acm-pca.IssueCertificate": ("acm-pca", "L-CAFB4993"),
    "acm-pca.GetCertificate": ("acm-pca", "L-1725E639"),
    "acm-pca.RevokeCertificate": ("acm-pca", "L-8842A328"),
    "iot.DescribeCertificate": ("iotcore", "L-FC864907"),
    "iot.UpdateCertificate": ("iotcore", "L-77B523DC"),
    "iot.RegisterCertificate": ("iotcore", "L-8C0011A3"),
    "iot.AttachPolicy": ("iotcore", "L-CA7D4E3E"),
    "iot.CreateThing": ("iotcore", "L-64CBACAC"),
    "iot.AttachThingPrincipal": ("iotcore", "L-F64D1AA6"),
}


def default_quota_per_second(action: str) -> float | None:
    """The default quota of `service.Action`; None where it has none here [18, 30]."""
    service, _, name = action.partition(".")
    return DEFAULT_QUOTAS_PER_SECOND.get(service, {}).get(name)
