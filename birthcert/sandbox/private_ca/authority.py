"""One certificate authority: its states, its key and what Describe says of it [1, 15]."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from cryptography import x509

from birthcert.pki.algorithms import PrivateKey, generate_private_key
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca.certificates import IssuedCertificate

Status = Literal[
    "CREATING", "PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED", "FAILED", "DELETED"
]
LIVING: Final[tuple[Status, ...]] = (
    "CREATING",
    "PENDING_CERTIFICATE",
    "ACTIVE",
    "DISABLED",
    "EXPIRED",
    "FAILED",
)
CREATED: Final[tuple[Status, ...]] = ("PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED")
INSTALLED: Final[tuple[Status, ...]] = ("ACTIVE", "DISABLED", "EXPIRED")
DAY_SECONDS: Final = 86_400
DEFAULT_DELETION_DAYS: Final = 30  # [15]


@dataclass(frozen=True)
class Installed:
    """The CA certificate in force. PEM texts end without a newline, as AWS gives them [17].

    `chain_pem` is what was imported (issuer first, root last), empty for a root;
    `path_length` is how many CAs may stand below this one (None: any number), by its own
    certificate and by those above it.
    """

    certificate: x509.Certificate
    certificate_pem: str
    chain_pem: str
    chain_for_issued_pem: str
    authority_key_identifier: x509.AuthorityKeyIdentifier
    path_length: int | None
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True)
class Deletion:
    """A deletion: `restorable_until` (epoch seconds) is None where there is no way back."""

    restorable_until: float | None


@dataclass
class Authority:
    """A CA of one account and region; times are seconds since the epoch.

    `settled` is the state that was reached by calls; `status` is what it is now, by the clock.
    The key is made when first needed, so that creating is quick and no lock is held meanwhile.
    """

    arn: str
    owner: str
    kind: Literal["ROOT", "SUBORDINATE"]
    configuration: dict[str, Any]
    revocation: dict[str, Any]
    usage_mode: str
    key_storage_security_standard: str
    created_at: float
    ready_at: float
    failure_reason: str = ""
    settled: Status = "PENDING_CERTIFICATE"
    changed_at: float = 0.0
    installed: Installed | None = None
    deletion: Deletion | None = None
    tags: dict[str, str] = field(default_factory=dict)
    permissions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    policy: str | None = None
    certificates: dict[int, IssuedCertificate] = field(default_factory=dict)
    last_report_at: float | None = None
    _csr_pem: str | None = None
    _key: PrivateKey | None = None
    _key_lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.changed_at = self.changed_at or self.created_at

    @property
    def key(self) -> PrivateKey:
        """The CA's private key, which never leaves the sandbox's memory."""
        with self._key_lock:
            if self._key is None:
                self._key = generate_private_key(self.configuration["KeyAlgorithm"])
            return self._key

    @property
    def short_lived(self) -> bool:
        """Whether it issues for 7 days at most [11]."""
        return self.usage_mode == "SHORT_LIVED_CERTIFICATE"

    def status(self, now: float) -> Status:
        """Its state at a moment: CREATING ends and EXPIRED begins by the clock."""
        return "DELETED" if self.deletion else self.status_undeleted(now)

    def status_undeleted(self, now: float) -> Status:
        """Its state, were it not deleted."""
        if now < self.ready_at:
            return "CREATING"
        if self.failure_reason:
            return "FAILED"
        if self.installed and now > self.installed.not_after.timestamp():
            return "EXPIRED"
        return self.settled

    def gone(self, now: float) -> bool:
        """Whether the restoration window has passed: nothing is left of it."""
        until = self.deletion.restorable_until if self.deletion else None
        return until is not None and now >= until

    def require(self, now: float, *allowed: Status) -> Status:
        """Its state, InvalidStateException if that is not among the allowed ones [1]."""
        status = self.status(now)
        if status not in allowed:
            raise AwsError(
                "InvalidStateException",
                f"The certificate authority {self.arn} is in state {status}; "
                f"this call needs {' or '.join(allowed)}.",
            )
        return status

    def csr_of_key(self, made: str | None = None) -> str | None:
        """The CSR kept since it was first asked for; with an argument, keep that one."""
        self._csr_pem = self._csr_pem or made
        return self._csr_pem

    def settle(self, status: Status, now: float) -> None:
        """Reach a state by a call."""
        self.settled, self.changed_at = status, now

    def delete(self, now: float, days: int) -> None:
        """Delete it: `days` to restore it, none for one that was CREATING or FAILED [15]."""
        before = self.require(
            now, "PENDING_CERTIFICATE", "CREATING", "EXPIRED", "DISABLED", "FAILED"
        )
        lasting = before not in ("CREATING", "FAILED")
        self.deletion = Deletion(now + days * DAY_SECONDS if lasting else None)
        self.changed_at = now

    def restore(self, now: float) -> None:
        """Undo the deletion: the state is the one from before it [15]."""
        self.require(now, "DELETED")
        if self.deletion is None or self.deletion.restorable_until is None:
            raise AwsError(
                "InvalidStateException",
                f"The certificate authority {self.arn} was deleted before it was created; "
                "it cannot be restored.",
            )
        self.deletion, self.changed_at = None, now


def described(authority: Authority, now: float) -> dict[str, Any]:
    """The CertificateAuthority structure of Describe and List."""
    status = authority.status(now)
    facts: dict[str, Any] = {
        "Arn": authority.arn,
        "OwnerAccount": authority.owner,
        "CreatedAt": authority.created_at,
        "LastStateChangeAt": _last_change(authority, status),
        "Type": authority.kind,
        "Status": status,
        "CertificateAuthorityConfiguration": authority.configuration,
        "RevocationConfiguration": authority.revocation,
        "KeyStorageSecurityStandard": authority.key_storage_security_standard,
        "UsageMode": authority.usage_mode,
    }
    if status == "FAILED":
        facts["FailureReason"] = authority.failure_reason
    if authority.deletion and authority.deletion.restorable_until is not None:
        facts["RestorableUntil"] = authority.deletion.restorable_until
    if installed := authority.installed:
        facts["Serial"] = str(installed.certificate.serial_number)  # decimal [mem]
        facts["NotBefore"] = installed.not_before.timestamp()
        facts["NotAfter"] = installed.not_after.timestamp()
    return facts


def _last_change(authority: Authority, status: Status) -> float:
    if status == "EXPIRED" and authority.installed:
        return authority.installed.not_after.timestamp()
    if status in ("PENDING_CERTIFICATE", "FAILED"):
        return max(authority.changed_at, authority.ready_at)
    return authority.changed_at
