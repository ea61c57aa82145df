"""Idempotency tokens that are the same at every retry, because the facts make them [rule 6]."""

import hashlib

from birthcert import limits


def idempotency_token(*facts: str) -> str:
    """A token of 36 hex characters that stands for exactly these facts in this order.

    SHA-256 over the facts, each with its length before it, so that ("ab", "c") and ("a", "bc")
    differ. ValueError without a fact: such a token would make all requests one.
    """
    if not facts:
        raise ValueError("an idempotency token needs at least one fact")
    digest = hashlib.sha256()
    for fact in facts:
        encoded = fact.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[: limits.IDEMPOTENCY_TOKEN_MAX_LENGTH]
