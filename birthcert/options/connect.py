"""The flags of connect."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Connecting:
    """The device to be, and what it does."""

    certificate: Path
    """chain.pem: the device's certificate, then its CA's."""
    key: Path
    """Its private key (PEM), encrypted or not; it stays in memory."""
    key_passphrase_file: str | None = None
    """File with the key's passphrase; else BIRTHCERT_KEY_PASSPHRASE."""
    thing_name: str | None = None
    """Thing name and client id; the certificate's CommonName where not given."""
    endpoint: str | None = None
    """HOST[:PORT]; what DescribeEndpoint says (iot:Data-ATS) where not given."""
    port: int | None = None
    """8883, or 443 where that is blocked; else BIRTHCERT_DEVICE_PORT."""
    server_ca: Path | None = None
    """CA of the endpoint's certificate; else BIRTHCERT_SERVER_CA, else the system's store."""
    protocol: str = "mqtt5"
    """mqtt5 or mqtt311."""
    topic: str | None = None
    """Publish to this topic, with --message-file."""
    message_file: Path | None = None
    """The message: at most 128 KB."""
    subscribe: str | None = None
    """Subscribe to this filter and wait for a message."""
    wait_seconds: float = 10.0
    """How long to wait for it."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of ConnectRequest."""
        return dict(vars(self))
