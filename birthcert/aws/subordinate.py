"""A SUBORDINATE CA's certificate: the CSR goes out to its root's owner, and comes back signed."""

import logging

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.models import CaCsr, CertificateAuthority, SignedCertificate
from birthcert.pki.csr import read_csr

log = logging.getLogger(__name__)


def get_ca_csr(aws: AwsAccess, authority: CertificateAuthority) -> CaCsr:
    """The CSR of a CA that waits for its certificate; without PEM for one that has it."""
    if private_ca.describe(aws, authority.arn)["Status"] != "PENDING_CERTIFICATE":
        return CaCsr(arn=authority.arn, outcome="found")
    csr = read_csr(private_ca.csr_of(aws, authority.arn))
    return CaCsr(arn=authority.arn, csr_pem=csr.pem.decode(), sha256=csr.sha256, outcome="found")


def install_signed_certificate(
    aws: AwsAccess, authority: CertificateAuthority, signed: SignedCertificate
) -> CertificateAuthority:
    """The certificate that the root signed imported with its chain [3]; ACTIVE on return.

    A CA that has its certificate is left as it is; ResourceGone where it is not ACTIVE.
    """
    description = private_ca.describe(aws, authority.arn)
    if not signed.certificate_pem or description["Status"] != "PENDING_CERTIFICATE":
        return private_ca.active_authority(aws, authority.arn).found()
    private_ca.import_certificate(aws, authority.arn, signed.certificate_pem, signed.chain_pem)
    log.info("installed the certificate of %s below its root", authority.arn)
    return private_ca.active_authority(aws, authority.arn)
