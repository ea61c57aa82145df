"""Where a device connects, and why it may not get there: name, port, the server's certificate."""

import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from birthcert.device.refusals import NotConnected
from birthcert.errors import ConfigurationError

DEFAULT_PORT: Final = 8_883
PROBE_SECONDS: Final = 5.0
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Target:
    """An MQTT endpoint; `server_ca` is the PEM to trust instead of the system's store."""

    host: str
    port: int = DEFAULT_PORT
    server_ca: bytes | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> tuple[str, int | None]:
    """Host and port of `HOST[:PORT]`; ConfigurationError where it is something else."""
    host, colon, port = text.partition(":")
    if not _HOST.fullmatch(host) or _is_address(host):
        raise ConfigurationError(
            f"the endpoint {text!r} is not HOST or HOST:PORT",
            remedy="give the name that `aws iot describe-endpoint --endpoint-type iot:Data-ATS` "
            "prints: AWS IoT tells its customers apart by it (SNI)",
        )
    if not colon:
        return host, None
    if not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ConfigurationError(f"{port!r} is no port", remedy="give 1 to 65535, such as 8883")
    return host, int(port)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def why_unreachable(target: Target) -> NotConnected | None:
    """What keeps this machine from the endpoint, found without a certificate; None if nothing."""
    try:
        plain = socket.create_connection((target.host, target.port), PROBE_SECONDS)
    except socket.gaierror as error:
        return NotConnected(
            "unresolvable",
            f"the endpoint {target.host} does not resolve: {error.strerror}",
            remedy="check its spelling, the region, and this machine's DNS",
        )
    except OSError as error:
        return NotConnected(
            "unreachable",
            f"nothing answers at {target}: {error.strerror or error}",
            remedy="check the port and the firewall: AWS IoT takes devices on 8883 and on 443",
        )
    with plain:
        return _why_not_trusted(target, plain)


def _why_not_trusted(target: Target, plain: socket.socket) -> NotConnected | None:
    try:
        context = ssl.create_default_context(
            cadata=target.server_ca.decode() if target.server_ca else None
        )
        with context.wrap_socket(plain, server_hostname=target.host):
            return None
    except ssl.SSLCertVerificationError as error:
        return NotConnected(
            "server-not-trusted",
            f"the certificate of {target} is not trusted: {error.verify_message}",
            remedy="give the CA that signed it (--server-ca FILE); without one AWS IoT's "
            "AmazonRootCA1 must be in the system's store",
        )
    except OSError:
        return None  # it ended the handshake for want of our certificate: another matter
