"""A CA that waits for its root's owner: what to sign, how, and how to go on then."""

import shlex
from typing import ClassVar, Self

from birthcert.errors import BirthcertError
from birthcert.models import BootstrapRequest, CaCsr, Facts, Place


class AwaitedCertificate(Facts):
    """The JSON of a `birthcert bootstrap --json` that ends between the halves of a ceremony.

    `csr_sha256` is of the CSR's DER: compare it before you sign. `csr` is the file, where one was
    written.
    """

    tenant: str
    account: str
    region: str
    sandbox: str | None = None
    authority_arn: str
    csr_pem: str
    csr_sha256: str
    path_length: int
    validity_days: int
    csr: str = ""

    @property
    def name(self) -> str:
        """What the files of this ceremony are called."""
        return f"{self.tenant}-{self.region}-ca"

    @property
    def sign(self) -> str:
        """What the root's owner types, where the root is."""
        return (
            f"birthcert root sign --csr {shlex.quote(self.csr or self.name + '.csr')} "
            f"--csr-sha256 {self.csr_sha256} --path-length {self.path_length} "
            f"--validity-days {self.validity_days} --root-key KEY --root-certificate CERTIFICATE "
            f"--out {self.name}.pem"
        )


class CertificateAwaited(BirthcertError):
    """The run can go no further until the root's owner has signed; `awaited` says what."""

    exit_code: ClassVar[int] = 3

    @classmethod
    def of(cls, request: BootstrapRequest, place: Place, csr: CaCsr) -> Self:
        """The error for a CA of this request whose CSR is to be signed."""
        awaited = AwaitedCertificate(
            tenant=request.tenant,
            account=place.account,
            region=place.region,
            sandbox=place.sandbox,
            authority_arn=csr.arn,
            csr_pem=csr.csr_pem,
            csr_sha256=csr.sha256,
            path_length=request.certificate_authority.length_below(),
            validity_days=request.certificate_authority.validity_days,
        )
        return cls(
            f"certificate authority {csr.arn} waits for the certificate that its root signs",
            remedy="sign its CSR with: birthcert root sign; then run the same command with "
            "--ca-certificate",
            awaited=awaited,
        )

    @property
    def awaited(self) -> AwaitedCertificate:
        """What is to be signed."""
        found = self.facts["awaited"]
        assert isinstance(found, AwaitedCertificate)
        return found


def ceremony_markdown(awaited: AwaitedCertificate) -> str:
    """What to sign, as a page of Prefect's UI and the text above its form."""
    sandbox = f"> **Local sandbox {awaited.sandbox}, not AWS.**\n\n" if awaited.sandbox else ""
    return "\n".join(
        [
            f"{sandbox}# The CA of {awaited.tenant} waits for its root",
            "",
            f"`{awaited.authority_arn}` bills while it waits [1].",
            "",
            f"1. Take this CSR to where the root's key is, as `{awaited.name}.csr`. The SHA-256 of "
            f"its DER is `{awaited.csr_sha256}`.",
            "",
            "```text",
            awaited.csr_pem.strip(),
            "```",
            "",
            "2. There:",
            "",
            "```text",
            awaited.sign,
            "```",
            "",
            f"3. Resume this run with the text of `{awaited.name}.pem`, or start another one that "
            "has it as `ca_certificate`.",
        ]
    )
