"""The flags of bootstrap and rollover, and of a plan for either."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birthcert.errors import ConfigurationError, UnusableInput


@dataclass(frozen=True)
class Authority:
    """The certificate authority to make."""

    authority: str = "pca-root"
    """pca-root, pca-hierarchy (a ROOT above it), offline-root (a root of your own) or existing."""
    authority_arn: str | None = None
    """existing: the Private CA to adopt; it is never altered."""
    root_key: Path | None = None
    """offline-root: your root's encrypted key. Without it the CSR is written, to be signed."""
    root_certificate: Path | None = None
    """offline-root: your root's certificate."""
    root_passphrase_file: Path | None = None
    """File with the passphrase of the root's key; else BIRTHCERT_ROOT_PASSPHRASE."""
    ca_certificate: Path | None = None
    """offline-root: what `birthcert root sign` wrote, to go on with."""
    pca_root_account_block: str | None = None
    """pca-hierarchy: AWS Account block of the root's account; the CA's own where not given."""
    pca_root_key_algorithm: str = "RSA_4096"
    """pca-hierarchy: key of the ROOT CA."""
    pca_root_common_name: str = ""
    """pca-hierarchy: the root's common name; 'TENANT root CA' where not given."""
    pca_root_validity_days: int = 7_300
    """pca-hierarchy: life of the root's certificate."""
    path_length: int | None = None
    """offline-root, pca-hierarchy: CAs that may stand below this one; 0 where not given."""
    key_algorithm: str = "RSA_2048"
    """RSA_2048, RSA_3072, RSA_4096, EC_prime256v1 or EC_secp384r1."""
    signing_algorithm: str | None = None
    """Such as SHA256WITHRSA; the one that fits the key where not given."""
    common_name: str = ""
    """The CA's common name; 'TENANT device CA' where nothing of the subject is given."""
    organization: str = ""
    """The CA's organization."""
    organizational_unit: str = ""
    """The CA's organizational unit."""
    country: str = ""
    """The CA's country, two letters."""
    state: str = ""
    """The CA's state or province."""
    locality: str = ""
    """The CA's locality."""
    ca_validity_days: int = 3_650
    """Life of the CA's certificate."""
    usage_mode: str = "GENERAL_PURPOSE"
    """GENERAL_PURPOSE or SHORT_LIVED_CERTIFICATE (7 days at most)."""
    key_storage_security_standard: str = "FIPS_140_2_LEVEL_3_OR_HIGHER"
    """CCPC_LEVEL_1_OR_HIGHER in regions without FIPS level 3."""
    registration_mode: str = "DEFAULT"
    """DEFAULT, or SNI_ONLY: no verification certificate, and several accounts may have the CA."""
    verification_template: str = "EndEntityCertificate/V1"
    """The written recipe used SubordinateCACertificate_PathLen0/V1."""
    verification_validity_days: int = 1
    """The written recipe used 3640."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of BootstrapRequest."""
        subject = ("common_name", "organization", "organizational_unit", "country", "state")
        return {
            "authority": self.authority,
            "registration_mode": self.registration_mode,
            "authority_arn": self.authority_arn,
            "pca_root": {
                "account_block": self.pca_root_account_block,
                "key_algorithm": self.pca_root_key_algorithm,
                "subject": {"common_name": self.pca_root_common_name},
                "validity_days": self.pca_root_validity_days,
            },
            "offline_root": {
                "certificate_file": _absolute(self.root_certificate),
                "key_file": _absolute(self.root_key),
                "passphrase_file": _absolute(self.root_passphrase_file),
                "ca_certificate": _text_of(self.ca_certificate),
            },
            "certificate_authority": {
                "key_algorithm": self.key_algorithm,
                "signing_algorithm": self.signing_algorithm,
                "subject": {name: getattr(self, name) for name in (*subject, "locality")},
                "validity_days": self.ca_validity_days,
                "path_length": self.path_length,
                "usage_mode": self.usage_mode,
                "key_storage_security_standard": self.key_storage_security_standard,
            },
            "verification_certificate": {
                "template": self.verification_template,
                "validity_days": self.verification_validity_days,
            },
        }


@dataclass(frozen=True)
class Provisioning:
    """What devices become when they first connect."""

    thing_type: str = "UnifiedAgent"
    """Thing type of every device."""
    policy_name: str = ""
    """The devices' shared policy; 'TENANT-device' where not given."""
    policy: str = "least-privilege"
    """least-privilege, or recipe-wide (every device may act as every other)."""
    policy_file: Path | None = None
    """Your own policy document instead."""
    topic_namespace: str = ""
    """First level of the devices' topics; the tenant where not given."""
    role_name: str = "ACME-IOT-JIT-PROV"
    """IAM role that AWS IoT provisions under."""
    template_file: Path | None = None
    """Your own provisioning template (templateBody.json)."""
    also: list[str] | None = None
    """One more place for the CA's devices, REGION or REGION@BLOCK (an AWS Account block)."""
    tag: list[str] | None = None
    """A tag on all that is made, KEY=VALUE; may be repeated."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of BootstrapRequest."""
        return {
            "thing_type": self.thing_type,
            "device_policy": {
                "name": self.policy_name,
                "kind": self.policy,
                "topic_namespace": self.topic_namespace,
                "document": _text_of(self.policy_file),
            },
            "role_name": self.role_name,
            "template_body": _text_of(self.template_file),
            "further_places": [_further_place(place) for place in self.also or []],
            "tags": dict(_tag(tag) for tag in self.tag or []),
        }


@dataclass(frozen=True)
class Replacing:
    """The CA to replace, and what becomes of its registration."""

    replaces: str
    """ARN of the CA to replace: the one that issues now."""
    old_registration: str = "keep"
    """keep, deactivate (no new device of it is taken), or delete (none may be ACTIVE)."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of RolloverRequest."""
        return dict(vars(self))


@dataclass(frozen=True)
class PlannedReplacing:
    """A rollover to plan."""

    replaces: str | None = None
    """Plan a rollover of this CA (ARN) instead of a bootstrap."""
    old_registration: str = "keep"
    """keep, deactivate or delete, as for rollover."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of RolloverRequest."""
        return dict(vars(self))


def _absolute(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None


def _text_of(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"cannot read {path}: {error}", remedy="give a readable file") from None


def _further_place(text: str) -> dict[str, str | None]:
    region, _, block = text.partition("@")
    return {"region": region or None, "account_block": block or None}


def _tag(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ConfigurationError(f"tag {text!r} is not KEY=VALUE", remedy="write it so")
    return key, value
