"""A Private CA is made, or the one that its idempotency token made [6]; nothing is bought twice."""

import json
import logging
from dataclasses import dataclass
from typing import Any, Final, Literal

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.generations import GONE
from birthcert.aws.private_ca import SERVICE, authority_gone
from birthcert.aws.waiting import wait_for
from birthcert.errors import ResourceConflict
from birthcert.models import Subject
from birthcert.pki.algorithms import DEFAULT_SIGNING, KeyAlgorithm, SigningAlgorithm
from birthcert.pki.tokens import idempotency_token

log = logging.getLogger(__name__)
CSR_WAIT_SECONDS: Final = 180.0  # the waiter's 3 s x 60 [5]


@dataclass(frozen=True)
class Wanted:
    """What a CA is to be; an empty subject's common name is `name`."""

    kind: Literal["ROOT", "SUBORDINATE"]
    name: str
    subject: Subject
    key_algorithm: KeyAlgorithm
    signing_algorithm: SigningAlgorithm | None
    usage_mode: str
    key_storage_security_standard: str

    @property
    def configuration(self) -> dict[str, Any]:
        """CertificateAuthorityConfiguration of the API."""
        subject = Subject(common_name=self.name) if self.subject == Subject() else self.subject
        return {
            "KeyAlgorithm": self.key_algorithm,
            "SigningAlgorithm": self.signing_algorithm or DEFAULT_SIGNING[self.key_algorithm],
            "Subject": subject.as_asn1_subject(),
        }


def create(aws: AwsAccess, wanted: Wanted, tags: dict[str, str], *for_what: str) -> str:
    """The ARN of a new CA; the token follows from what is wanted and for what.

    So a retry inside five minutes makes no second one; after that the tags find it.
    """
    arn = _create(aws, wanted, tags, *for_what)
    if private_ca.describe(aws, arn)["Status"] in GONE:
        # the token still stands for one that failed or was deleted less than 5 minutes ago
        arn = _create(aws, wanted, tags, *for_what, arn)
    log.info("created certificate authority %s", arn)
    return arn


def wait_for_csr(aws: AwsAccess, arn: str) -> dict[str, Any]:
    """The CA's description once its CSR is there, or its certificate."""
    return wait_for(
        lambda: _past_creation(aws, arn), seconds=CSR_WAIT_SECONDS, what=f"the CSR of {arn}"
    )


def check_alike(found: dict[str, Any], wanted: Wanted) -> None:
    """ResourceConflict where the CA that is there (its description) is not as wanted."""
    is_there = found["CertificateAuthorityConfiguration"]
    pairs = [(name, is_there.get(name), asked) for name, asked in wanted.configuration.items()]
    pairs.append(("UsageMode", found["UsageMode"], wanted.usage_mode))
    pairs.append(("Type", found["Type"], wanted.kind))
    different = [f"{name} is {here}, not {asked}" for name, here, asked in pairs if here != asked]
    if different:
        raise ResourceConflict(
            f"the tenant's certificate authority {found['Arn']} differs from the request: "
            + "; ".join(different),
            remedy="a CA cannot be changed: ask for what is there, or untag it to make another",
        )


def _create(aws: AwsAccess, wanted: Wanted, tags: dict[str, str], *for_what: str) -> str:
    token = idempotency_token(
        *for_what[:2],
        wanted.kind,
        wanted.usage_mode,
        wanted.key_storage_security_standard,
        json.dumps(wanted.configuration, sort_keys=True),
        *for_what[2:],
    )
    answer = aws.call(
        SERVICE,
        "CreateCertificateAuthority",
        CertificateAuthorityConfiguration=wanted.configuration,
        CertificateAuthorityType=wanted.kind,
        UsageMode=wanted.usage_mode,
        KeyStorageSecurityStandard=wanted.key_storage_security_standard,
        IdempotencyToken=token,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    arn: str = answer["CertificateAuthorityArn"]
    return arn


def _past_creation(aws: AwsAccess, arn: str) -> dict[str, Any] | None:
    description = private_ca.describe(aws, arn)
    if description["Status"] == "CREATING":
        return None
    if description["Status"] in GONE:
        reason = description.get("FailureReason", "no reason given")
        raise authority_gone(arn, f"is {description['Status']} ({reason})")
    if description["Status"] == "PENDING_CERTIFICATE":
        private_ca.csr_of(aws, arn)
    return description
