"""The parts of an installation: what is started, as whom, in which environment."""

import os
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from birthcert.files import write_atomically
from birthcert.installation import postgres
from birthcert.installation.facts import Home, Installation
from birthcert.installation.processes import MARK
from birthcert.servers import FIXED, prefect_command
from birthcert.tenants.stanza import POOL

WORKERS: Final = ("worker-1", "worker-2")
# in the order in which they are started
NAMES: Final = ("postgres", "sandbox", "server", *WORKERS)
# what a shell had set for other servers must not leak in
FOREIGN: Final = ("AWS_", "BIRTHCERT_", "PG", "PREFECT_")


@dataclass(frozen=True)
class Part:
    """A program to be started; `user`: as whom, where not as this one; `port`: its own."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    user: str | None = None
    port: int | None = None


def postgres_part(home: Home, installation: Installation) -> Part:
    """The database server."""
    folder, port = home.folder / "postgres", installation.database_port
    return Part(
        "postgres",
        postgres.server_command(postgres.find_programs(), folder, port),
        # without the mark: its processes, which end with it, are nobody's runs
        command_environment({}),
        user=postgres.server_user(),
        port=port,
    )


def sandbox_part(home: Home, installation: Installation) -> Part:
    """The local AWS."""
    folder, port = str(home.folder / "sandbox"), str(installation.sandbox_port)
    command = ["birthcert", "sandbox", "serve", "--dir", folder, "--port", port]
    environment = _base(installation)
    return Part("sandbox", _module(*command), environment, port=installation.sandbox_port)


def server_part(home: Home, installation: Installation) -> Part:
    """Prefect's server with its UI; its API asks for the auth string."""
    environment = {
        "PREFECT_HOME": str(home.folder / "prefect"),
        "PREFECT_UI_API_URL": installation.api,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": installation.database_url(
            "prefect", "postgresql+asyncpg"
        ),
        "PREFECT_SERVER_API_AUTH_STRING": installation.auth_string,
        "PREFECT_SERVER_ENCRYPTION_KEY": installation.encryption_key.get_secret_value(),
    }
    command = prefect_command(installation.port)
    environment = {**_base(installation), **FIXED, **environment}
    return Part("server", _module(*command), environment, port=installation.port)


def worker_part(home: Home, installation: Installation, name: str, aws: Mapping[str, str]) -> Part:
    """A worker that takes runs of the pool; `aws` points it at the sandbox."""
    command = _module("prefect", "worker", "start", "--pool", POOL, "--name", name)
    environment = {
        **_base(installation),
        **client_environment(home, installation, aws),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }
    return Part(name, command, environment)


def client_environment(
    home: Home, installation: Installation, aws: Mapping[str, str]
) -> dict[str, str]:
    """What workers, and an operator's shell, say to reach all parts."""
    return {
        **aws,
        "PREFECT_HOME": str(home.folder / "prefect"),
        "PREFECT_API_URL": installation.api,
        "PREFECT_API_AUTH_STRING": installation.auth_string,
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(home.state / "results"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "BIRTHCERT_LEDGER_URL": installation.database_url("ledger"),
        "BIRTHCERT_STATE_FOLDER": str(home.state),
    }


def write_shell(home: Home, environment: Mapping[str, str], sandbox: Mapping[str, Any]) -> None:
    """The file that a shell reads to work with the installation; holds secrets, so 0600."""
    lines = [f"unset {name}" for name in sandbox["unset"]]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    write_atomically(home.shell, "\n".join([*lines, ""]).encode(), mode=0o600)


def command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what is foreign, and with what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, **environment}


def end_signal(name: str) -> signal.Signals:
    """How a part is asked to end; Postgres would wait for its clients after a SIGTERM."""
    return signal.SIGINT if name == "postgres" else signal.SIGTERM


def _base(installation: Installation) -> dict[str, str]:
    return command_environment({MARK: installation.id})


def _module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]
