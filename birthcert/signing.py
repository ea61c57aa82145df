"""A root's one use: the CSR of a tenant's CA signed with it, here or where its owner keeps it."""

import getpass
import logging
import socket
from datetime import datetime
from pathlib import Path

from cryptography import x509

from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.files import make_folder, write_new
from birthcert.models import (
    BootstrapRequest,
    CaCsr,
    Facts,
    RootCertificate,
    SignedCertificate,
    SignRequest,
)
from birthcert.pki.certificates import certificate_id, certificate_pem, load_certificate, serial_hex
from birthcert.pki.csr import Csr, read_csr
from birthcert.pki.roots import (
    Root,
    check_root_limits,
    sign_subordinate,
)
from birthcert.pki.signed import check_signed_ca
from birthcert.roots import known_certificate, read_file

log = logging.getLogger(__name__)


class SigningRecord(Facts):
    """What a root has signed, by whom and within which limits; hashes are SHA-256 in hex of DER."""

    signed_at: datetime
    signed_by: str
    host: str
    root_subject: str
    root_sha256: str
    csr_sha256: str
    public_key_sha256: str
    subject: str
    certificate_sha256: str
    serial_number: str
    path_length: int
    not_before: datetime
    not_after: datetime


def sign_file(
    root: Root, csr_file: Path, out: Path, request: SignRequest, *, signed_by: str, now: datetime
) -> SigningRecord:
    """Sign a file's CSR into the new file `out`, the root's certificate after it, and a record.

    The record is `OUT.json`. UnusableInput for a CSR of no use, or another than the one that
    `request` pins; ConfigurationError where one of the files is there.
    """
    csr = read_csr(read_file(csr_file))
    if request.csr_sha256 not in (None, csr.sha256):
        raise UnusableInput(
            f"the CSR in {csr_file} is not the one to be signed: its SHA-256 is {csr.sha256}, not "
            f"{request.csr_sha256}",
            remedy="nothing was signed: it was changed or mixed up on its way; fetch it again",
        )
    record_file = out.with_name(f"{out.name}.json")
    for path in (out, record_file):
        if path.exists():
            raise _is_there(path)
    certificate, record = sign(
        root,
        csr,
        path_length=request.path_length,
        validity_days=request.validity_days,
        signed_by=signed_by,
        now=now,
    )
    # the record first: what is not written down is not given away
    make_folder(out.parent)
    written = certificate_pem(certificate) + certificate_pem(root.certificate)
    for path, text in ((record_file, record.model_dump_json(indent=2) + "\n"), (out, written)):
        if not write_new(path, text.encode(), mode=0o444):
            raise _is_there(path)
    return record


def check_root(request: BootstrapRequest, root: Root | None, *, now: datetime) -> RootCertificate:
    """The root above the CA to make, as far as it is known, after it was found good for it.

    `root` is the one at hand, opened; None: only its certificate is known, or nothing. Raises
    UnusableInput for a root that expired, is too weak, or may not sign such a CA for so long.
    """
    known = known_certificate(request.offline_root, root, now=now)
    if known.certificate_pem and not request.offline_root.ca_certificate:
        check_root_limits(
            load_certificate(known.certificate_pem),
            path_length=request.certificate_authority.length_below(),
            validity_days=request.certificate_authority.validity_days,
            now=now,
        )
    return known


def check_brought(
    request: BootstrapRequest, root: RootCertificate, csr: CaCsr, pem: str, *, now: datetime
) -> SignedCertificate:
    """The certificate that the root's owner brought; UnusableInput says why it does not do."""
    signed = check_signed_ca(
        pem,
        read_csr(csr.csr_pem.encode()),
        root=load_certificate(root.certificate_pem) if root.certificate_pem else None,
        path_length=request.certificate_authority.length_below(),
        now=now,
    )
    return SignedCertificate(
        arn=csr.arn, certificate_pem=signed.certificate_pem, chain_pem=signed.chain_pem
    )


def sign_here(
    request: BootstrapRequest, root: Root, csr: CaCsr, *, now: datetime
) -> SignedCertificate:
    """The CA's certificate by a root that is at hand; raises as `check_root_limits`."""
    options = request.certificate_authority
    certificate, record = sign(
        root,
        read_csr(csr.csr_pem.encode()),
        path_length=options.length_below(),
        validity_days=options.validity_days,
        signed_by=getpass.getuser(),
        now=now,
    )
    log.info("the root signed the CA: %s", record.model_dump_json())
    return SignedCertificate(
        arn=csr.arn,
        certificate_pem=certificate_pem(certificate),
        chain_pem=certificate_pem(root.certificate),
    )


def sign(
    root: Root, csr: Csr, *, path_length: int, validity_days: int, signed_by: str, now: datetime
) -> tuple[x509.Certificate, SigningRecord]:
    """The certificate of a CA by its root, and what there is to be written down of it."""
    certificate = sign_subordinate(
        root,
        csr,
        path_length=path_length,
        validity_days=validity_days,
        now=now,
        serial_number=x509.random_serial_number(),
    )
    return certificate, SigningRecord(
        signed_at=now,
        signed_by=signed_by,
        host=socket.gethostname(),
        root_subject=root.certificate.subject.rfc4514_string(),
        root_sha256=certificate_id(root.certificate),
        csr_sha256=csr.sha256,
        public_key_sha256=csr.public_key_sha256,
        subject=csr.subject.rfc4514_string(),
        certificate_sha256=certificate_id(certificate),
        serial_number=serial_hex(certificate),
        path_length=path_length,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _is_there(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is there already", remedy="nothing was signed: name another file with --out"
    )
