"""A ROOT Private CA above the one that issues: made, shared, used once, disabled.

It signs when a CA below it waits for its certificate, and is enabled for that alone. It may stand
in another account: then a resource policy lets the issuing CA's account ask it for one template.
"""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import install_root_certificate
from birthcert.aws.creation import Wanted, check_alike, create, wait_for_csr
from birthcert.aws.generations import ROOT, TAG_PART, held_by, root_of
from birthcert.aws.private_ca import SERVICE, authority_facts
from birthcert.errors import AwsCallFailed, ConfigurationError, ResourceConflict
from birthcert.models import (
    BootstrapRequest,
    CaCsr,
    CertificateAuthority,
    Place,
    RootAuthority,
    SignedCertificate,
)
from birthcert.pki.templates import subordinate_template, template_arn
from birthcert.pki.tokens import idempotency_token

log = logging.getLogger(__name__)
SID_PREFIX: Final = "Birthcert"
# what AWS's own example of a shared CA lets another account do, beside issuing
SHARED_READS: Final = [
    "acm-pca:DescribeCertificateAuthority",
    "acm-pca:GetCertificate",
    "acm-pca:GetCertificateAuthorityCertificate",
    "acm-pca:ListPermissions",
    "acm-pca:ListTags",
]


def wanted_root(request: BootstrapRequest) -> Wanted:
    """The root as the request has it; it issues to CAs alone, so it is a general-purpose one."""
    options = request.pca_root
    return Wanted(
        kind="ROOT",
        name=f"{request.tenant} root CA",
        subject=options.subject,
        key_algorithm=options.key_algorithm,
        signing_algorithm=None,
        usage_mode="GENERAL_PURPOSE",
        key_storage_security_standard=options.key_storage_security_standard,
    )


def ensure_root_authority(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> CertificateAuthority:
    """The root of the tenant's CA in `place`, found by its tags or made; it has its certificate.

    `aws` is the way to the root's account. It is ACTIVE where it was made now, and may be DISABLED
    where it was found.
    """
    found, wanted = root_of(held_by(aws, request.tenant, place)), wanted_root(request)
    if found is not None:
        check_alike(found.description, wanted)
        if found.description["Status"] in ("ACTIVE", "DISABLED"):
            return private_ca.installed_authority(aws, found.arn).found()
        arn = found.arn
    else:
        tags = request.all_tags(place) | {TAG_PART: ROOT}
        arn = create(aws, wanted, tags, request.tenant, place.name, "root authority")
    root = authority_facts(wait_for_csr(aws, arn))
    return install_root_certificate(
        aws, root, validity_days=request.pca_root.validity_days, place=place
    )


def check_lasts(root: CertificateAuthority, request: BootstrapRequest, now: datetime) -> None:
    """ConfigurationError where the CA would outlive its root [8]."""
    ends = datetime.fromisoformat(root.not_after)
    days = request.certificate_authority.validity_days
    if now + timedelta(days=days) > ends:
        raise ConfigurationError(
            f"a CA of {days} days outlives its root {root.arn}, which ends at "
            f"{ends:%Y-%m-%d %H:%M} UTC [8]",
            remedy=f"ask for {max((ends - now).days, 0)} days or less",
        )


def share_root(aws: AwsAccess, root: CertificateAuthority, account: str, template: str) -> bool:
    """Let an account ask the root for certificates of one template; whether that was new.

    ResourceConflict where the root has a resource policy that is not ours.
    """
    wanted = sharing_policy(root.arn, account, template)
    there = _policy(aws, root.arn).get("Statement", [])
    if all(each in there for each in wanted["Statement"]):
        return False
    if not all(str(each.get("Sid", "")).startswith(SID_PREFIX) for each in there):
        raise ResourceConflict(
            f"root {root.arn} has a resource policy of someone else's",
            remedy="it is not replaced: add what docs/hierarchy.md shows, or take it away",
        )
    aws.call(SERVICE, "PutPolicy", ResourceArn=root.arn, Policy=json.dumps(wanted))
    log.info("shared the root %s with account %s for %s", root.arn, account, template)
    return True


def sharing_policy(root_arn: str, account: str, template: str) -> dict[str, Any]:
    """The resource policy of a root: read it, and issue by one template, for one account."""
    partition = root_arn.split(":")[1]
    common = {"Effect": "Allow", "Principal": {"AWS": account}, "Resource": root_arn}
    issuing = {"StringEquals": {"acm-pca:TemplateArn": template_arn(template, partition)}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": f"{SID_PREFIX}Read",
                **common,
                "Action": SHARED_READS,
            },
            {
                "Sid": f"{SID_PREFIX}SignIssuingAuthority",
                **common,
                "Action": [f"{SERVICE}:IssueCertificate"],
                "Condition": issuing,
            },
        ],
    }


def sign_by_root(
    aws: AwsAccess,
    root_aws: AwsAccess,
    root: CertificateAuthority,
    csr: CaCsr,
    request: BootstrapRequest,
    place: Place,
) -> SignedCertificate:
    """The CA's certificate from the root, asked for by the CA's own account.

    Without a CSR nothing is signed: the CA has its certificate. A DISABLED root is enabled first.
    """
    if not csr.csr_pem:
        return SignedCertificate(arn=csr.arn, outcome="found")
    check_lasts(root, request, datetime.now(UTC))
    options = request.certificate_authority
    template = subordinate_template(options.length_below())
    if root.arn.split(":")[4] != place.account:
        share_root(root_aws, root, place.account, template)
    set_status(root_aws, root.arn, "ACTIVE")
    arn = private_ca.issue(
        aws,
        root,
        csr.csr_pem.encode(),
        template=template,
        partition=place.partition,
        validity={"Type": "DAYS", "Value": options.validity_days},
        token=idempotency_token(csr.arn, root.arn, csr.sha256, template),
        just_imported=True,
    )
    issued = private_ca.wait_for_certificate(aws, root.arn, arn)
    log.info("the root %s signed the certificate of %s", root.arn, csr.arn)
    return SignedCertificate(
        arn=csr.arn, certificate_pem=issued.certificate_pem, chain_pem=issued.chain_pem
    )


def disable_root(aws: AwsAccess, root: CertificateAuthority) -> RootAuthority:
    """The root signs no more until it is needed again; it bills on [1]."""
    changed = set_status(aws, root.arn, "DISABLED")
    return RootAuthority(arn=root.arn, status="DISABLED", outcome="created" if changed else "found")


def set_status(aws: AwsAccess, arn: str, status: str) -> bool:
    """UpdateCertificateAuthority, unless it is so already; whether it was not."""
    if private_ca.describe(aws, arn)["Status"] == status:
        return False
    aws.call(SERVICE, "UpdateCertificateAuthority", CertificateAuthorityArn=arn, Status=status)
    log.info("certificate authority %s is %s now", arn, status)
    return True


def _policy(aws: AwsAccess, arn: str) -> dict[str, Any]:
    try:
        answer = aws.call(SERVICE, "GetPolicy", ResourceArn=arn)
    except AwsCallFailed as error:
        if error.code == "ResourceNotFoundException":
            return {}
        raise
    policy: dict[str, Any] = json.loads(answer["Policy"])
    return policy
