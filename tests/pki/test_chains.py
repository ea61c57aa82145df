"""Chains of certificates."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from birthcert.pki.chains import chain_problems, is_signed_by

Issue = Callable[..., Any]  # the conftest's: a certificate and its key


def test_a_good_chain_has_no_problem(
    device: Any, intermediate: Any, root: Any, now: datetime
) -> None:
    """Device, intermediate, root: each signed by the next."""
    chain = [intermediate.certificate, root.certificate]
    assert chain_problems(device.certificate, chain, now=now) == []


def test_a_chain_may_end_below_the_root(device: Any, intermediate: Any, now: datetime) -> None:
    """AWS IoT trusts the registered CA itself, so the root need not be there."""
    assert chain_problems(device.certificate, [intermediate.certificate], now=now) == []


def test_a_root_needs_no_chain(root: Any, now: datetime) -> None:
    """A certificate that signed itself has no issuer above."""
    assert chain_problems(root.certificate, [], now=now) == []


def test_a_device_alone_lacks_its_issuer(device: Any, now: datetime) -> None:
    """The missing issuer is named."""
    assert chain_problems(device.certificate, [], now=now) == [
        "the chain is empty: the certificate of the issuer CN=intermediate is missing"
    ]


@pytest.mark.parametrize(
    "order",
    [
        pytest.param((0, 2, 1), id="CAs swapped"),
        pytest.param((2, 1, 0), id="root first"),
        pytest.param((1, 0, 2), id="device second"),
    ],
)
def test_a_wrong_order_is_recognised(
    device: Any, intermediate: Any, root: Any, now: datetime, order: tuple[int, int, int]
) -> None:
    """The sentence says which order is right."""
    path = [each.certificate for each in (device, intermediate, root)]
    leaf, *chain = (path[position] for position in order)
    problems = chain_problems(leaf, chain, now=now)
    assert problems[0] == (
        "the chain is in the wrong order: it should be CN=pump-1, then CN=intermediate, "
        "then CN=root"
    )


def test_an_impostor_of_the_same_name_is_found(
    issue: Issue, device: Any, root: Any, now: datetime
) -> None:
    """A CA with the right name and another key did not sign the device's certificate."""
    impostor = issue("intermediate", "SubordinateCACertificate_PathLen0", root)
    assert chain_problems(device.certificate, [impostor.certificate], now=now) == [
        "CN=pump-1 is not signed by CN=intermediate"
    ]


@pytest.mark.parametrize(
    ("shift", "problem"),
    [
        pytest.param(timedelta(days=-2), "CN=root is not valid before", id="too early"),
        pytest.param(timedelta(days=31), "CN=pump-1 expired at", id="too late"),
    ],
)
def test_every_certificate_must_be_valid_now(
    device: Any, intermediate: Any, root: Any, now: datetime, shift: timedelta, problem: str
) -> None:
    """Each certificate outside its time is named."""
    chain = [intermediate.certificate, root.certificate]
    problems = chain_problems(device.certificate, chain, now=now + shift)
    assert len(problems) == 3
    assert any(each.startswith(problem) for each in problems)


def test_the_last_moment_still_counts(device: Any, intermediate: Any, now: datetime) -> None:
    """notAfter belongs to the validity, the second after does not."""
    end = device.certificate.not_valid_after_utc
    chain = [intermediate.certificate]
    assert chain_problems(device.certificate, chain, now=end) == []
    assert chain_problems(device.certificate, chain, now=end + timedelta(seconds=1)) != []


def test_a_path_longer_than_allowed_is_told(issue: Issue, root: Any, now: datetime) -> None:
    """A CA of path length 0 has no CA below it."""
    upper = issue("upper", "SubordinateCACertificate_PathLen0", root)
    lower = issue("lower", "SubordinateCACertificate_PathLen0", upper)
    leaf = issue("pump-1", "EndEntityCertificate", lower)
    chain = [lower.certificate, upper.certificate, root.certificate]
    assert chain_problems(leaf.certificate, chain, now=now) == [
        "CN=upper allows a path length of 0, but 1 CA certificates stand below it"
    ]


def test_a_device_is_no_authority(issue: Issue, device: Any, now: datetime) -> None:
    """A certificate signed by a device's key is refused for both reasons."""
    forged = issue("pump-2", "EndEntityCertificate", device)
    assert chain_problems(forged.certificate, [device.certificate], now=now) == [
        "CN=pump-1 is not a CA certificate (BasicConstraints has no CA:TRUE)",
        "CN=pump-1 may not sign certificates (KeyUsage has no keyCertSign)",
    ]


def test_a_ca_without_basic_constraints_is_none(issue: Issue, now: datetime) -> None:
    """An old version 1 style root is no CA."""
    root = issue("root", "RootCACertificate", without=x509.BasicConstraints)
    leaf = issue("pump-1", "EndEntityCertificate", root)
    assert "is not a CA certificate" in "".join(
        chain_problems(leaf.certificate, [root.certificate], now=now)
    )


def test_an_rsa_ca_signs_ec_devices(issue: Issue, rsa_key: Any, now: datetime) -> None:
    """The families of the CA's key and the device's may differ."""
    root = issue("root", "RootCACertificate", key=rsa_key)
    leaf = issue("pump-1", "EndEntityCertificate", root)
    assert is_signed_by(leaf.certificate, root.certificate)
    assert not is_signed_by(root.certificate, leaf.certificate)
    assert chain_problems(leaf.certificate, [root.certificate], now=now) == []
