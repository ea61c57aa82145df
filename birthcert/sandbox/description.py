"""`sandbox.json`: where a running sandbox is and how to reach it."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from birthcert.sandbox.environment import UNSET, client_environment
from birthcert.sandbox.state import SandboxState

FILE_NAME: Final = "sandbox.json"
_EMPTY_CONFIG: Final = "# Empty on purpose: keeps your own AWS profiles out of the sandbox.\n"


@dataclass
class Description:
    """What a sandbox in `directory` says of itself; `endpoints` grows as places are used."""

    state: SandboxState
    directory: Path
    endpoint_url: str
    server_ca: Path
    endpoints: list[dict[str, object]] = field(default_factory=list)

    def knows(self, account: str, region: str) -> bool:
        """Whether the MQTT listener of a place is listed."""
        return any(
            endpoint["account"] == account and endpoint["region"] == region
            for endpoint in self.endpoints
        )

    def add_endpoint(self, account: str, region: str, host: str, port: int) -> None:
        """List the MQTT listener of a place."""
        self.endpoints.append(
            {"account": account, "region": region, "mqtt_host": host, "mqtt_port": port}
        )

    @property
    def environment(self) -> dict[str, str]:
        """The AWS_* variables that point a client here."""
        config, credentials = self.directory / "aws-config", self.directory / "aws-credentials"
        return client_environment(
            self.endpoint_url, self.state.region, str(config), str(credentials)
        )

    def facts(self) -> dict[str, object]:
        """The content of the file."""
        first = self.endpoints[0] if self.endpoints else {}
        return {
            "endpoint_url": self.endpoint_url,
            "account_id": self.state.account,
            "region": self.state.region,
            "mqtt_host": first.get("mqtt_host"),
            "mqtt_port": first.get("mqtt_port"),
            "endpoints": self.endpoints,
            "server_ca": str(self.server_ca),
            "environment": self.environment,
            "unset": list(UNSET),
            "instance": self.state.instance,
            "pid": os.getpid(),
        }

    def write(self) -> None:
        """Write the file whole: a reader sees the old one or the new one."""
        for name in ("aws-config", "aws-credentials"):
            (self.directory / name).write_text(_EMPTY_CONFIG)
        temporary = self.directory / f".{FILE_NAME}.{os.getpid()}"
        temporary.write_text(json.dumps(self.facts(), indent=2) + "\n")
        temporary.replace(self.directory / FILE_NAME)
