"""The flags of root create and root sign."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class NewRoot:
    """The root to make."""

    root_key: Path
    """The key's new file: PKCS#8 under scrypt and AES-256, mode 0400."""
    root_certificate: Path
    """The certificate's new file, mode 0444."""
    common_name: str
    """The root's common name."""
    organization: str = ""
    """Its organization."""
    country: str = ""
    """Its country, two letters."""
    key_algorithm: str = "RSA_4096"
    """RSA_2048, RSA_3072, RSA_4096, EC_prime256v1 or EC_secp384r1."""
    validity_days: int = 73_000
    """Life of the certificate."""
    path_length: int | None = None
    """How many CAs may stand one below the other under it; any number where not given."""
    root_passphrase_file: Path | None = None
    """File with the key's passphrase; else BIRTHCERT_ROOT_PASSPHRASE, else a prompt."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of RootRequest."""
        return {
            "subject": {
                "common_name": self.common_name,
                "organization": self.organization,
                "country": self.country,
            },
            "key_algorithm": self.key_algorithm,
            "validity_days": self.validity_days,
            "path_length": self.path_length,
        }


@dataclass(frozen=True)
class Signing:
    """What to sign, and with which root."""

    csr: Path
    """The CSR that `birthcert bootstrap --authority offline-root` wrote."""
    path_length: int
    """How many CAs may stand below it: 0 for one that issues to devices alone."""
    root_key: Path
    """The root's encrypted key: PKCS#8, or openssl's traditional format."""
    root_certificate: Path
    """The root's certificate."""
    out: Path
    """New file for the CA's certificate, with the root's after it; OUT.json is the record."""
    validity_days: int = 3_650
    """Life of the CA's certificate."""
    csr_sha256: str | None = None
    """Refuse any other CSR: what the bootstrap said, carried on another way than the CSR."""
    root_passphrase_file: Path | None = None
    """File with the key's passphrase; else BIRTHCERT_ROOT_PASSPHRASE, else a prompt."""
    signed_by: str | None = None
    """Who signs, for the record; this system's user where not given."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of SignRequest."""
        return {
            "path_length": self.path_length,
            "validity_days": self.validity_days,
            "csr_sha256": self.csr_sha256,
        }
