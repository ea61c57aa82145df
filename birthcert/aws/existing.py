"""A Private CA that is there already, whoever made it: checked and used, never altered."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.errors import AwsCallFailed, ConfigurationError
from birthcert.models import BootstrapRequest, CertificateAuthority, Place
from birthcert.pki.algorithms import family, iot_refusal
from birthcert.pki.certificates import load_certificate, split_pem
from birthcert.pki.chains import chain_problems
from birthcert.pki.hierarchy import (
    check_short_lived,
    check_verification_template,
    path_length_below,
    signature_problem,
)

log = logging.getLogger(__name__)
LEAST_LEFT: Final = timedelta(days=2)
# the request is judged before the CSR is: one that is none buys nothing and tells who may ask
NO_CSR: Final = b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied"})


def adopt_authority(
    aws: AwsAccess, request: BootstrapRequest, place: Place
) -> CertificateAuthority:
    """The CA of `request.authority_arn`, good for devices, and ours to prove with a certificate.

    Raises what `examine_authority` does, and ConfigurationError where we may not issue that. To
    issue to devices is another operator's right, and is not asked here.
    """
    authority = examine_authority(aws, request)
    if request.registration_mode == "DEFAULT":
        _check_may_issue(aws, authority, request.verification_certificate.template, place)
    return authority


def examine_authority(aws: AwsAccess, request: BootstrapRequest) -> CertificateAuthority:
    """The CA as it is, by calls that only read.

    ConfigurationError, ResourceGone or AwsCallFailed say what is wrong: state, key,
    signature, path length or life left.
    """
    arn = request.authority_arn or ""
    authority = private_ca.active_authority(aws, arn)
    path = [
        load_certificate(each)
        for each in split_pem(authority.certificate_pem) + split_pem(authority.chain_pem)
    ]
    if problems := list(_problems(authority, path, request, datetime.now(UTC))):
        raise ConfigurationError(
            f"certificate authority {arn} cannot issue to devices: {'; '.join(problems)}",
            remedy="nothing was touched: name another one",
            arn=arn,
        )
    if request.registration_mode == "DEFAULT":
        _check_proof(request, authority, path_length_below(path))
    signing = request.certificate_authority.signing_algorithm
    chosen = {"signing_algorithm": signing} if signing else {}
    return authority.found().model_copy(update=chosen)


def _check_proof(
    request: BootstrapRequest, authority: CertificateAuthority, path_length: int | None
) -> None:
    options, short_lived = request.verification_certificate, authority.is_short_lived
    check_verification_template(options.template, path_length=path_length, short_lived=short_lived)
    check_short_lived(
        options.validity_days, "the verification certificate", short_lived=short_lived
    )


def _problems(
    authority: CertificateAuthority,
    path: list[x509.Certificate],
    request: BootstrapRequest,
    now: datetime,
) -> Iterator[str]:
    if refusal := iot_refusal(authority.key_algorithm):
        yield refusal
    signing = request.certificate_authority.signing_algorithm
    if signing and family(signing) != family(authority.key_algorithm):
        yield f"{signing} does not go with its key of {authority.key_algorithm} [9]"
    if problem := signature_problem(path[0]):
        yield f"its certificate {problem}, which AWS IoT does not take [24]"
    yield from chain_problems(path[0], path[1:], now=now)
    below = path_length_below(path)
    if below is not None and below < 0:
        yield "a CA above it forbids any CA below, by its path length [7]"
    end = datetime.fromisoformat(authority.not_after)
    if end - now < LEAST_LEFT:
        yield f"its chain ends at {end:%Y-%m-%d %H:%M} UTC, in less than {LEAST_LEFT.days} days [8]"


def _check_may_issue(
    aws: AwsAccess, authority: CertificateAuthority, template: str, place: Place
) -> None:
    """Whether we may issue by a template, asked with a CSR that is none: nothing is issued."""
    nothing: dict[str, Any] = {"Type": "DAYS", "Value": 1}
    try:
        private_ca.issue(
            aws,
            authority,
            NO_CSR,
            template=template,
            partition=place.partition,
            validity=nothing,
            token="birthcert-may-issue",
        )
    except AwsCallFailed as error:
        if error.code not in DENIED:
            return
        raise ConfigurationError(
            f"these credentials may not issue from {authority.arn} by {template}: {error.message}",
            remedy="nothing was touched: grant acm-pca:IssueCertificate with this template, "
            "in the CA's resource policy too where it is another account's",
        ) from error
