"""The CAs above a batch's certificates, of which what was found good once is not judged anew."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from birthcert.pki.chains import UNVERIFIABLE, chain_problems, is_signed_by
from birthcert.pki.parts import Parts, parts_of


class Issuers:
    """A chain (issuer ... root) that stands above many certificates."""

    def __init__(self, chain: Sequence[x509.Certificate]) -> None:
        self.chain = list(chain)
        self._signer = _Signer(self.chain[0]) if self.chain else None
        # all that `chain_problems` looks for beside times and the certificate's own signature
        self._is_good = False

    def problems(self, certificate: x509.Certificate, parts: Parts, *, now: datetime) -> list[str]:
        """As `chain_problems`, of the certificate that has these parts."""
        if (
            self._signer
            and self._is_good
            and self._times[0] <= now <= self._times[1]
            and certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
            and self._signer.signed(certificate, parts)
        ):
            return []
        problems = chain_problems(certificate, self.chain, now=now)
        self._is_good = self._is_good or not problems
        return problems

    @cached_property
    def _times(self) -> tuple[datetime, datetime]:
        """From when until when all of the chain is valid."""
        return (
            max(each.not_valid_before_utc for each in self.chain),
            min(each.not_valid_after_utc for each in self.chain),
        )


class _Signer:
    """A CA as the one who signed; its key is decoded once, which costs a third of a check."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._certificate, self._key = certificate, certificate.public_key()
        self._name = parts_of(certificate.public_bytes(Encoding.DER)).subject

    def signed(self, certificate: x509.Certificate, parts: Parts) -> bool:
        """As `is_signed_by`, which does it for other keys than EC ones."""
        if not isinstance(self._key, ec.EllipticCurvePublicKey):
            return is_signed_by(certificate, self._certificate)
        if parts.issuer != self._name or parts.inner_algorithm != parts.algorithm:
            return False
        try:
            hash_algorithm = certificate.signature_hash_algorithm
            if hash_algorithm is None:
                return False
            self._key.verify(parts.signature, parts.signed, ec.ECDSA(hash_algorithm))
        except UNVERIFIABLE:
            return False
        return True
