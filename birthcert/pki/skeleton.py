"""Extensions without what follows from the key: alike wherever one template made them."""

import hashlib

from cryptography import x509


def extensions_skeleton(certificate: x509.Certificate, public_key_der: bytes) -> bytes | None:
    """All that follows the public key in the signed part, without the SubjectKeyIdentifier's value.

    `public_key_der` is the certificate's own SubjectPublicKeyInfo. What follows it is the
    extensions' DER (and the unique ids, which AWS never sets). Two certificates with one skeleton
    have the same extensions, except that each names its own key's identifier in the one place.
    None where the value is not there exactly once, so that nothing is concluded.
    """
    before, found, after = certificate.tbs_certificate_bytes.partition(public_key_der)
    own = hashlib.sha1(_bit_string(public_key_der), usedforsecurity=False).digest()
    if not found or not before or after.count(own) != 1:
        return None
    return after.replace(own, b"")


def _bit_string(public_key_der: bytes) -> bytes:
    """The key proper: SEQUENCE { SEQUENCE algorithm, BIT STRING key }."""
    start, _ = _content(public_key_der, 0)
    _, algorithm_end = _content(public_key_der, start)
    key, end = _content(public_key_der, algorithm_end)
    return public_key_der[key + 1 : end]


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at a place begins and ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    return start, start + length
