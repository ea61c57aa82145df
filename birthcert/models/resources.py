"""What the steps return: a resource's facts, with its ARN."""

from typing import Literal, Self

from birthcert.models.base import Facts, Outcome, Place, RegistrationMode


class Step(Facts):
    """One line of a bootstrap's report."""

    name: str
    outcome: Outcome
    arn: str = ""
    seconds: float = 0.0


class Resource(Facts):
    """What a step made or found: base of the steps' own models."""

    arn: str
    outcome: Outcome = "created"

    def found(self) -> Self:
        """The same resource, as one that was there already."""
        return self.model_copy(update={"outcome": "found"})


class Caller(Facts):
    """Who calls AWS, and where."""

    arn: str
    user_id: str
    place: Place
    outcome: Outcome = "found"


class CertificateAuthority(Resource):
    """A Private CA; the PEMs are empty until its certificate is installed.

    `signing_algorithm` is what it signs devices' certificates with. `chain_pem` holds the CAs
    above it, root last, and is empty for a root. `not_after` is when the first of the whole chain
    ends, so that nothing is issued past a CA above.
    """

    status: str
    key_algorithm: str
    signing_algorithm: str
    usage_mode: Literal["GENERAL_PURPOSE", "SHORT_LIVED_CERTIFICATE"] = "GENERAL_PURPOSE"
    certificate_pem: str = ""
    chain_pem: str = ""
    not_after: str = ""
    root_arn: str = ""

    @property
    def is_short_lived(self) -> bool:
        """Whether it issues for 7 days at most [11]."""
        return self.usage_mode == "SHORT_LIVED_CERTIFICATE"

    @property
    def region(self) -> str:
        """The region in which the CA stands, as its ARN tells."""
        return self.arn.split(":")[3]

    def home(self, place: Place) -> Place:
        """The place in which the CA stands; `place` is any other of its devices."""
        return place.model_copy(update={"account": self.arn.split(":")[4], "region": self.region})


class RootCertificate(Resource):
    """The owner's root above a CA (no ARN), as far as it is known: empty PEM where it is not.

    `is_at_hand`: its key is here and was opened.
    """

    certificate_pem: str = ""
    is_at_hand: bool = False


class RootAuthority(Resource):
    """A ROOT Private CA above the one that issues, and its state."""

    status: str


class CaCsr(Resource):
    """The CSR of a CA (its ARN) that waits for its certificate; empty PEM: it waits no more."""

    csr_pem: str = ""
    sha256: str = ""


class SignedCertificate(Resource):
    """A CA's certificate (its ARN) as the root signed it, and the chain up to the root.

    Empty PEMs: the CA has its certificate.
    """

    certificate_pem: str = ""
    chain_pem: str = ""


class IssuingAuthority(CertificateAuthority):
    """The ACTIVE CA that issues to devices, and the template that AWS IoT will run for them."""

    template_body: str = ""


class RegistrationCode(Resource):
    """AWS IoT's registration code for an account and region (no ARN: a pseudo one)."""

    code: str


class VerificationCertificate(Resource):
    """The issued verification certificate; its key is gone. Empty PEM: it is not needed again."""

    certificate_pem: str = ""


class Registration(Resource):
    """A CA certificate registered with AWS IoT."""

    certificate_id: str
    verification_certificate_arn: str = ""
    mode: RegistrationMode = "DEFAULT"

    @property
    def ids(self) -> dict[str, str]:
        """As reports have it."""
        return {"certificate_id": self.certificate_id, "certificate_arn": self.arn}


class ThingType(Resource):
    """A thing type."""

    name: str


class DevicePolicy(Resource):
    """The devices' policy."""

    name: str
    document: str


class ProvisioningRole(Resource):
    """The role that AWS IoT provisions under."""

    name: str


class ProvisioningTemplate(Resource):
    """The just-in-time provisioning template that hangs on a registration (its ARN)."""

    body: str


class VerifiedRegistration(Resource):
    """What AWS IoT says of the registration, compared with what was sent."""

    status: str
    auto_registration: str


class Endpoint(Resource):
    """Where devices connect: the iot:Data-ATS address (pseudo ARN).

    The port and the CA of its certificate (PEM) are set by a sandbox alone; None and empty mean
    AWS's own.
    """

    address: str
    port: int | None = None
    server_ca: str = ""
