"""What a bootstrap would do for its certificate authority, and how long the chain would hold."""

import os
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from birthcert import limits
from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import TYPES, asked_authority, awaits_certificate, wanted_by
from birthcert.aws.creation import check_alike
from birthcert.aws.existing import examine_authority
from birthcert.models import BootstrapRequest, CertificateAuthority, Facts, Place, RootCertificate
from birthcert.pki.certificates import load_certificate, split_pem
from birthcert.pki.chains import name_of
from birthcert.place_plan import PlannedStep
from birthcert.prices import authority_usd, certificates_usd
from birthcert.roots import root_of_options
from birthcert.signing import check_root

# a certificate is renewed when two thirds of its life are over
RENEW_AFTER_DAYS: Final = limits.SHORT_LIVED_MAX_DAYS * 2 // 3
DAYS_A_MONTH: Final = 30


class ChainLink(Facts):
    """A certificate between the devices and the root; `is_planned`: it is not there yet."""

    name: str
    not_after: datetime
    is_planned: bool = False


class AuthorityPlan(Facts):
    """The steps of a CA, its chain from the issuing CA to the root, and what to mind."""

    steps: list[PlannedStep]
    usd_a_month: float
    chain: list[ChainLink]
    advice: list[str]
    installed: CertificateAuthority | None = None


def plan_authority(
    aws: AwsAccess, request: BootstrapRequest, place: Place, *, now: datetime
) -> AuthorityPlan:
    """The CA by the request's mode; raises what the flow would raise before it makes anything."""
    if request.authority == "existing":
        found = examine_authority(aws, request)
        kept = PlannedStep(step="adopt_certificate_authority", action="keep", what=found.arn)
        return AuthorityPlan(
            steps=[kept],
            usd_a_month=0.0,
            chain=_chain_of(found),
            advice=_advice(short_lived=found.is_short_lived),
            installed=found,
        )
    there = asked_authority(aws, request, place)
    if there is not None:
        check_alike(there, wanted_by(request))
    status = str(there["Status"]) if there else ""
    installed = (
        private_ca.active_authority(aws, there["Arn"]) if there and status == "ACTIVE" else None
    )
    pending = awaits_certificate(there)
    root = _root_of(request, now) if pending else RootCertificate(arn="")
    mode = request.certificate_authority.usage_mode
    advice = _advice(short_lived=mode == "SHORT_LIVED_CERTIFICATE")
    if request.authority == "offline-root" and pending and not root.is_at_hand:
        advice.append(
            "the root is not at hand: the run gives out the CSR, and goes on when it is signed; "
            "the CA bills meanwhile [1]"
        )
    return AuthorityPlan(
        steps=_steps(request, f"{there['Arn']} ({status})" if there else "", pending=pending),
        usd_a_month=0.0 if there else float(authority_usd(mode)),
        chain=_chain_of(installed) if installed else _chain_to_be(request, root, now),
        advice=advice,
        installed=installed,
    )


def _root_of(request: BootstrapRequest, now: datetime) -> RootCertificate:
    if request.authority != "offline-root":
        return RootCertificate(arn="")
    return check_root(request, root_of_options(request.offline_root, os.environ, now=now), now=now)


def _steps(request: BootstrapRequest, there: str, *, pending: bool) -> list[PlannedStep]:
    kind, options = TYPES[request.authority], request.certificate_authority
    install = "install_ca_certificate"
    what = f"a {kind} certificate authority with a key of {options.key_algorithm}"
    signed: list[PlannedStep] = []
    if kind == "SUBORDINATE":
        install = "install_signed_certificate"
        what += f" and path length {options.length_below()}"
        signed = [_step("sign_ca_certificate", "its certificate by your root", pending)]
    return [
        _step("create_certificate_authority", there or what, not there),
        *signed,
        _step(install, "its certificate", pending),
    ]


def _step(name: str, what: str, is_to_be: bool) -> PlannedStep:
    return PlannedStep(step=name, action="make" if is_to_be else "keep", what=what)


def _chain_of(authority: CertificateAuthority) -> list[ChainLink]:
    pems = [*split_pem(authority.certificate_pem), *split_pem(authority.chain_pem)]
    return [_link(load_certificate(pem)) for pem in pems]


def _chain_to_be(
    request: BootstrapRequest, root: RootCertificate, now: datetime
) -> list[ChainLink]:
    days = request.certificate_authority.validity_days
    own = ChainLink(
        name=f"the CA of {request.tenant}", not_after=now + timedelta(days=days), is_planned=True
    )
    above = [_link(load_certificate(root.certificate_pem))] if root.certificate_pem else []
    return [own, *above]


def _link(certificate: x509.Certificate) -> ChainLink:
    return ChainLink(name=name_of(certificate), not_after=certificate.not_valid_after_utc)


def _advice(*, short_lived: bool) -> list[str]:
    if not short_lived:
        return []
    renewals = -(-DAYS_A_MONTH // RENEW_AFTER_DAYS)
    price = certificates_usd(renewals, usage_mode="SHORT_LIVED_CERTIFICATE")
    return [
        f"device certificates live {limits.SHORT_LIVED_MAX_DAYS} days at most [11]: give issue "
        f"--validity-days {limits.SHORT_LIVED_MAX_DAYS} or less",
        f"renew each after {RENEW_AFTER_DAYS} days, by a new CSR in a new manifest: {renewals} "
        f"certificates a device a month, {price:.2f} USD",
        "a device that is off for longer than its certificate lives needs a way to renew other "
        "than AWS IoT",
    ]
