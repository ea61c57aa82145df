"""Who gets through the TLS handshake."""

import ssl
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID


def alert(lab: Any, device: Any, **options: Any) -> str:
    """The TLS alert that ends the connection: in the handshake, or (TLS 1.3) at the first read."""
    with pytest.raises(ssl.SSLError) as refused, lab.tls(device, **options) as tls:
        tls.recv(1)
    return str(refused.value.reason)


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(ssl.TLSVersion.TLSv1_2, id="tls-1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_3, id="tls-1.3"),
    ],
)
def test_both_tls_versions_are_spoken(lab: Any, version: ssl.TLSVersion) -> None:
    """The handshake succeeds with either."""
    with lab.tls(lab.device("versions"), version=version) as tls:
        assert tls.version() == {771: "TLSv1.2", 772: "TLSv1.3"}[version.value]


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(ssl.TLSVersion.TLSv1_2, id="tls-1.2"),
        pytest.param(ssl.TLSVersion.TLSv1_3, id="tls-1.3"),
    ],
)
@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        pytest.param({"ends_in_days": -0.5}, "CERTIFICATE_EXPIRED", id="expired"),
        pytest.param({"starts_in_days": 1}, "BAD_CERTIFICATE", id="not-yet-valid"),
        pytest.param(
            {"usage": ExtendedKeyUsageOID.SERVER_AUTH},
            "UNSUPPORTED_CERTIFICATE",
            id="wrong-purpose",
        ),
    ],
)
def test_a_certificate_that_is_no_good_fails_the_handshake(
    lab: Any, flaw: dict[str, Any], reason: str, version: ssl.TLSVersion
) -> None:
    """Expired, not yet valid, or not for clients."""
    assert reason in alert(lab, lab.device("flawed", **flaw), version=version)


def test_an_unknown_ca_fails_the_handshake(
    lab: Any, another_authority: Callable[[str], Any]
) -> None:
    """Even one of the registered CA's name."""
    impostor = another_authority("acme device CA")
    assert "ALERT" in alert(lab, lab.device("stranger", impostor))


def test_no_certificate_fails_the_handshake(lab: Any) -> None:
    """It is required."""
    assert "CERTIFICATE_REQUIRED" in alert(lab, None)


@pytest.mark.parametrize(
    "sni", [pytest.param(None, id="none"), pytest.param("example.com", id="another")]
)
def test_sni_must_be_the_endpoints_name(lab: Any, sni: str | None) -> None:
    """Without it, or with another name, the handshake fails; with it all is well."""
    device = lab.device("sni")
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        lab.tls(device, sni=sni)
    lab.tls(device).close()


def test_a_deleted_ca_is_not_trusted_any_more(
    lab: Any, another_authority: Callable[[str], Any]
) -> None:
    """Its devices fail in the handshake from then on."""
    authority = another_authority("short-lived registration")
    ca_id = lab.register(authority, None)
    device = lab.device("orphan", authority)
    lab.tls(device).close()
    lab.registry.handle("UpdateCACertificate", {"certificateId": ca_id, "newStatus": "INACTIVE"})
    lab.registry.handle("DeleteCACertificate", {"certificateId": ca_id})
    assert "UNKNOWN_CA" in alert(lab, device)


def test_places_are_apart(lab: Any) -> None:
    """Another account has a port of its own and does not trust this one's CA."""
    host, port = lab.endpoint.address("222222222222", "eu-west-1")
    assert (host, port) == lab.endpoint.address("222222222222", "eu-west-1")
    assert port != lab.port
    assert {each["port"] for each in lab.endpoint.addresses()} >= {port, lab.port}
    assert "UNKNOWN_CA" in alert(lab, lab.device("elsewhere"), port=port)


def test_only_the_server_cas_certificate_is_written(lab: Any) -> None:
    """No key lies in the endpoint's folder but the devices' own."""
    pem = lab.endpoint.server_ca.read_text()
    assert pem.count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE KEY" not in pem


def test_openssl_s_client_verifies_the_server_and_is_verified(lab: Any) -> None:
    """OpenSSL's own client completes a mutual handshake."""
    device = lab.device("s-client")
    done = subprocess.run(
        [
            "openssl", "s_client", "-connect", f"localhost:{lab.port}", "-servername", "localhost",
            "-CAfile", lab.server_ca, "-verify_return_error", "-verify_hostname", "localhost",
            "-cert", device.chain_file, "-key", device.key_file,
        ],
        input="", capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert "Verify return code: 0 (ok)" in done.stdout
    assert "Acceptable client certificate CA names" not in done.stderr
