"""What comes back from the root's owner: a CA's certificate and its chain, checked before AWS has
it [rules 3, 7, 8, 24]. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from birthcert.errors import UnusableInput
from birthcert.pki.certificates import certificate_pem, load_certificate, public_key_sha256
from birthcert.pki.chains import chain_problems, is_signed_by, name_of
from birthcert.pki.csr import Csr
from birthcert.pki.hierarchy import first_end, is_critical_ca, path_length_below, signature_problem
from birthcert.pki.pem import join_pem, split_pem


@dataclass(frozen=True)
class SignedCa:
    """A CA's certificate and the CAs above it, issuer first and root last, as PEM."""

    certificate_pem: str
    chain_pem: str


def check_signed_ca(
    pem: str,
    csr: Csr,
    *,
    root: x509.Certificate | None,
    path_length: int,
    now: datetime,
    name: str = "the CA certificate",
) -> SignedCa:
    """The certificate that was signed for this CSR, its chain up to the root after it.

    Where only the root itself is missing at the end, `root` completes it. UnusableInput names the
    first thing that is wrong: another key than the CSR's, a chain that does not lead to `root`
    (None: any root), a path length or validity that does not do, a weak signature.
    """
    pems = split_pem(pem)
    if not pems:
        raise _refused(name, "has no certificate in PEM form", "give what `root sign` wrote")
    certificate, *chain = (load_certificate(each, name=name) for each in pems)
    if public_key_sha256(certificate.public_key()) != csr.public_key_sha256:
        raise _refused(
            name,
            "is for another key than this CA's CSR: the CSR was changed or mixed up on its way",
            f"sign the CSR whose SHA-256 is {csr.sha256}",
        )
    if root is not None and (not chain or _is_missing(root, chain)):
        chain.append(root)
    _check_signatures(name, [certificate, *chain])
    _check_chain(name, certificate, chain, root, now)
    _check_limits(name, [certificate, *chain], path_length)
    return SignedCa(pems[0], join_pem(*(certificate_pem(each) for each in chain)))


def _is_missing(root: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    return chain[-1] != root and is_signed_by(chain[-1], root)


def _check_signatures(name: str, path: list[x509.Certificate]) -> None:
    # before who signed whom: a signature over SHA-1 is not even looked at
    for each in path:
        if problem := signature_problem(each):
            raise _refused(
                name,
                f"cannot be used: {name_of(each)} {problem}, which AWS IoT does not take [24]",
                "sign with SHA-256 and RSA or ECDSA",
            )


def _check_chain(
    name: str,
    certificate: x509.Certificate,
    chain: list[x509.Certificate],
    root: x509.Certificate | None,
    now: datetime,
) -> None:
    if is_signed_by(certificate, certificate):
        raise _refused(
            name,
            "is self-signed, and a subordinate CA takes none [3]",
            "have your root sign the CSR: birthcert root sign",
        )
    if root is not None and chain[-1] != root:
        raise _refused(
            name,
            f"is from another root, {name_of(chain[-1])}",
            f"have it signed by {name_of(root)}",
        )
    if not chain or not is_signed_by(chain[-1], chain[-1]):
        raise _refused(
            name,
            "comes without its root's certificate [3]",
            "put the certificates above it after it, the root's last",
        )
    if problems := chain_problems(certificate, chain, now=now):
        raise _refused(name, f"cannot be used: {'; '.join(problems)}", "have it signed again")


def _check_limits(name: str, path: list[x509.Certificate], path_length: int) -> None:
    for each in path:
        if not is_critical_ca(each):
            raise _refused(
                name,
                f"cannot be used: {name_of(each)} is not a CA's (BasicConstraints must be critical "
                "with CA:TRUE [3])",
                "have it signed again",
            )
    below = path_length_below(path)
    if below is not None and below < path_length:
        raise _refused(
            name,
            f"allows a path length of {below}, and {path_length} was asked for [7]",
            f"have it signed with --path-length {path_length} by a root that may",
        )
    if (end := first_end(path)) < path[0].not_valid_after_utc:
        raise _refused(
            name,
            f"outlives a CA above it, which ends at {end:%Y-%m-%d %H:%M} UTC [8]",
            "have it signed for a shorter time",
        )


def _refused(name: str, problem: str, remedy: str) -> UnusableInput:
    return UnusableInput(f"{name} {problem}", remedy=remedy)
