"""AWS Private CA's calls on a certificate authority that is there: describe, issue, get."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.retries import JUST_IMPORTED
from birthcert.aws.waiting import wait_for
from birthcert.errors import AwsCallFailed, ResourceGone
from birthcert.models import CertificateAuthority
from birthcert.pki import templates
from birthcert.pki.algorithms import issuing_algorithm
from birthcert.pki.certificates import join_pem, load_certificate, split_pem
from birthcert.pki.hierarchy import first_end

SERVICE: Final = "acm-pca"
CERTIFICATE_WAIT_SECONDS: Final = 60.0  # the waiter's 1 s x 60 [5]


@dataclass(frozen=True)
class Issued:
    """A certificate and its chain (issuer ... root) as PEM text."""

    arn: str
    certificate_pem: str
    chain_pem: str


def describe(aws: AwsAccess, authority_arn: str) -> dict[str, Any]:
    """DescribeCertificateAuthority; ResourceGone where it is not there any more."""
    try:
        answer = aws.call(
            SERVICE, "DescribeCertificateAuthority", CertificateAuthorityArn=authority_arn
        )
    except AwsCallFailed as error:
        if error.code == "ResourceNotFoundException":
            raise authority_gone(authority_arn, "is not there any more") from error
        raise
    description: dict[str, Any] = answer["CertificateAuthority"]
    return description


def active_authority(aws: AwsAccess, authority_arn: str) -> CertificateAuthority:
    """The CA with its certificate; ResourceGone where it is not ACTIVE."""
    description = describe(aws, authority_arn)
    if description["Status"] != "ACTIVE":
        raise authority_gone(authority_arn, f"is {description['Status']}, not ACTIVE")
    return _with_certificate(aws, description)


def installed_authority(aws: AwsAccess, authority_arn: str) -> CertificateAuthority:
    """The CA with its certificate, DISABLED and EXPIRED too."""
    return _with_certificate(aws, describe(aws, authority_arn))


def _with_certificate(aws: AwsAccess, description: dict[str, Any]) -> CertificateAuthority:
    answer = aws.call(
        SERVICE, "GetCertificateAuthorityCertificate", CertificateAuthorityArn=description["Arn"]
    )
    certificate_pem, chain_pem = answer["Certificate"], answer.get("CertificateChain") or ""
    path = [load_certificate(each) for each in split_pem(join_pem(certificate_pem, chain_pem))]
    return authority_facts(description).model_copy(
        update={
            "certificate_pem": certificate_pem,
            "chain_pem": chain_pem,
            "not_after": first_end(path).isoformat(),
        }
    )


def csr_of(aws: AwsAccess, authority_arn: str) -> bytes:
    """GetCertificateAuthorityCsr: the CSR over the CA's key, in PEM."""
    answer = aws.call(SERVICE, "GetCertificateAuthorityCsr", CertificateAuthorityArn=authority_arn)
    csr: str = answer["Csr"]
    return csr.encode()


def import_certificate(
    aws: AwsAccess, authority_arn: str, certificate_pem: str, chain_pem: str = ""
) -> None:
    """ImportCertificateAuthorityCertificate; ACTIVE on return. A ROOT takes no chain [3]."""
    chain: dict[str, Any] = {"CertificateChain": chain_pem.encode()} if chain_pem else {}
    try:
        aws.call(
            SERVICE,
            "ImportCertificateAuthorityCertificate",
            CertificateAuthorityArn=authority_arn,
            Certificate=certificate_pem.encode(),
            **chain,
        )
    except AwsCallFailed as error:
        # the answer to an import that took may have been lost
        if error.code != "InvalidStateException":
            raise
    wait_for(
        lambda: describe(aws, authority_arn)["Status"] == "ACTIVE" or None,
        seconds=CERTIFICATE_WAIT_SECONDS,
        what=f"{authority_arn} to become ACTIVE",
    )


def issue(
    aws: AwsAccess,
    authority: CertificateAuthority,
    csr_pem: bytes,
    *,
    template: str,
    partition: str,
    validity: dict[str, Any],
    token: str,
    subject: dict[str, str] | None = None,
    just_imported: bool = False,
) -> str:
    """IssueCertificate; the certificate's ARN. `subject` goes by an APIPassthrough template.

    `just_imported`: a CA whose certificate was imported a moment ago may not be ready [16].
    """
    more: dict[str, Any] = {"ApiPassthrough": {"Subject": subject}} if subject else {}
    answer = aws.call(
        SERVICE,
        "IssueCertificate",
        CertificateAuthorityArn=authority.arn,
        Csr=csr_pem,
        SigningAlgorithm=authority.signing_algorithm,
        TemplateArn=templates.template_arn(template, partition),
        Validity=validity,
        IdempotencyToken=token,
        also=JUST_IMPORTED if just_imported else (),
        **more,
    )
    arn: str = answer["CertificateArn"]
    return arn


def get(aws: AwsAccess, authority_arn: str, certificate_arn: str) -> Issued | None:
    """GetCertificate; None while AWS is still issuing it."""
    try:
        answer = aws.call(
            SERVICE,
            "GetCertificate",
            CertificateAuthorityArn=authority_arn,
            CertificateArn=certificate_arn,
        )
    except AwsCallFailed as error:
        if error.code == "RequestInProgressException":
            return None
        raise
    return Issued(certificate_arn, answer["Certificate"], answer.get("CertificateChain") or "")


def wait_for_certificate(aws: AwsAccess, authority_arn: str, certificate_arn: str) -> Issued:
    """GetCertificate until it is there; a BirthcertError after 60 s."""
    return wait_for(
        lambda: get(aws, authority_arn, certificate_arn),
        seconds=CERTIFICATE_WAIT_SECONDS,
        what=f"certificate {certificate_arn}",
    )


def authority_facts(description: dict[str, Any]) -> CertificateAuthority:
    """The facts of a DescribeCertificateAuthority answer."""
    configuration = description["CertificateAuthorityConfiguration"]
    not_after: datetime | None = description.get("NotAfter")
    return CertificateAuthority(
        arn=description["Arn"],
        status=description["Status"],
        key_algorithm=configuration["KeyAlgorithm"],
        signing_algorithm=issuing_algorithm(
            configuration["KeyAlgorithm"], configuration["SigningAlgorithm"]
        ),
        usage_mode=description.get("UsageMode") or "GENERAL_PURPOSE",
        not_after=not_after.astimezone(UTC).isoformat() if not_after else "",
    )


def authority_gone(arn: str, what: str) -> ResourceGone:
    """The error for a CA that cannot be used any more; `what` says why."""
    return ResourceGone(
        f"certificate authority {arn} {what}",
        remedy="restore or enable it in AWS Private CA, "
        "or run bootstrap with --refresh to look everything up again",
        arn=arn,
    )
