"""The canary's own certificate and key: made for one flight, the key in memory alone."""

from dataclasses import dataclass
from typing import Final

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.canary.records import Traces
from birthcert.device.identity import Identity
from birthcert.errors import ConfigurationError
from birthcert.jitp.outcome import Outcome, expected_outcome, subject_for
from birthcert.models import IssuingAuthority, Place
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.certificates import certificate_id, load_certificate, serial_hex
from birthcert.pki.csr import build_csr
from birthcert.pki.tokens import idempotency_token

PREFIX: Final = "birthcert-canary-"
TEMPLATE: Final = "EndEntityClientAuthCertificate/V1"
VALIDITY_DAYS: Final = 1  # the shortest


@dataclass(frozen=True)
class Bird:
    """A canary with its certificate, and what the template should make of it."""

    name: str
    certificate_arn: str
    identity: Identity
    outcome: Outcome
    authority_arn: str

    @property
    def client_id(self) -> str:
        """The thing's name; the canary's own where the template makes no thing."""
        return self.outcome.thing_name or self.name

    @property
    def traces(self) -> Traces:
        """What it will leave in AWS."""
        return Traces(
            name=self.name,
            # a thing that the template names without the canary's name is not the canary's own
            thing_name=self.client_id if self.name in self.client_id else self.name,
            certificate_id=self.identity.certificate_id,
            ca_certificate_id=certificate_id(self.identity.chain[0]),
            authority_arn=self.authority_arn,
            serial_number=serial_hex(self.identity.leaf),
        )


def hatch(aws: AwsAccess, place: Place, authority: IssuingAuthority, name: str) -> Bird:
    """A certificate of one day for a new key, with the subject that the template wants [26].

    ConfigurationError, before anything is bought, where the CA's registration has no template.
    """
    if not authority.template_body:
        raise ConfigurationError(
            f"{authority.arn} has no registration with a provisioning template in AWS IoT",
            remedy="run birthcert bootstrap for the tenant",
        )
    key = generate_private_key("EC_prime256v1")
    csr_pem = build_csr(key, subject_for(authority.template_body, name))
    arn = private_ca.issue(
        aws,
        authority,
        csr_pem,
        template=TEMPLATE,
        partition=place.partition,
        validity={"Type": "DAYS", "Value": VALIDITY_DAYS},
        token=idempotency_token(authority.arn, "canary", name),
    )
    issued = private_ca.wait_for_certificate(aws, authority.arn, arn)
    leaf = load_certificate(issued.certificate_pem)
    issuer = load_certificate(authority.certificate_pem)
    outcome = expected_outcome(authority.template_body, leaf.subject, certificate_id(leaf))
    return Bird(name, arn, Identity(leaf, (issuer,), key), outcome, authority.arn)
