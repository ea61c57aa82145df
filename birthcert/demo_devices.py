"""The demo's devices: all connect, are provisioned, reconnect and publish."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from birthcert.connecting import ConnectReport, ConnectRequest, Visit, connect
from birthcert.device.identity import load_identity
from birthcert.models import WhereRequest
from birthcert.reaching import find_operator, given_target, resolve_target
from birthcert.settings import load_settings

# AWS IoT registers 15 new devices a second: each takes a second or two here [30]
AT_ONCE: Final = 12
CHAIN, KEY = "chain.pem", "private.pem"


def connect_devices(tenant: str, certificates: Path, passphrase: bytes) -> list[ConnectReport]:
    """Every device of an output folder says hello; a report each, in the order of their names."""
    settings = load_settings()
    operator = find_operator(WhereRequest(tenant=tenant), settings, needed_for="the endpoint")
    target = resolve_target(operator, given_target(settings))

    def hello(folder: Path) -> ConnectReport:
        name, chain, key = folder.name, folder / CHAIN, folder / KEY
        identity = load_identity(chain, key, passphrase=lambda: passphrase, now=datetime.now(UTC))
        request = ConnectRequest(
            tenant=tenant, certificate=chain, key=key, topic=f"{tenant}/{name}/hello"
        )
        return connect(Visit(request, identity, name, b"hello", operator, target))

    folders = sorted(chain.parent for chain in certificates.glob(f"*/{CHAIN}"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(hello, folders))
