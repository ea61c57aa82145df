"""PEM texts apart and together."""

from hypothesis import given
from hypothesis import strategies as st

from birthcert.pki.pem import join_pem, labels, split_pem

blocks = st.lists(
    st.binary(min_size=1, max_size=40).map(
        lambda body: f"-----BEGIN CERTIFICATE-----\n{body.hex()}\n-----END CERTIFICATE-----\n"
    ),
    max_size=4,
)


@given(blocks)
def test_what_is_joined_splits_again(pems: list[str]) -> None:
    """Splitting is the inverse of joining."""
    assert split_pem(join_pem(*pems)) == pems


@given(blocks, st.sampled_from(["", "\n", "\r\n", "\n\n  "]))
def test_newlines_at_the_end_do_not_matter(pems: list[str], end: str) -> None:
    """AWS's certificates without a newline at the end join as others do."""
    assert join_pem(*(pem.rstrip("\n") + end for pem in pems)) == join_pem(*pems)


def test_windows_newlines_become_unix_ones() -> None:
    """A PEM made on Windows joins without carriage returns."""
    pem = "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----\r\n"
    assert join_pem(pem) == "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_an_empty_text_adds_nothing() -> None:
    """A root has no chain: joining with it leaves the certificate alone."""
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert join_pem(pem, "", "\n") == pem


def test_text_around_certificates_is_left_out() -> None:
    """openssl's readable text before a certificate is not part of it."""
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert split_pem(f"Certificate:\n  Data: x\n{pem}\nsome words\n{pem}") == [pem, pem]


def test_labels_name_every_block() -> None:
    """Each block is named, whatever it holds."""
    text = b"-----BEGIN EC PRIVATE KEY-----\nA\n-----BEGIN CERTIFICATE REQUEST-----"
    assert labels(text) == ["EC PRIVATE KEY", "CERTIFICATE REQUEST"]
