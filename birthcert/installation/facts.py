"""What an installation is made of and keeps: its folder, its ports, its secrets."""

import base64
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr, ValidationError

from birthcert import console
from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.files import make_folder, write_atomically
from birthcert.installation.processes import running
from birthcert.models import Facts

DEFAULT_PORT: Final = 4200  # Prefect's own
# of the API and of the databases
USER: Final = "birthcert"


class Installation(Facts):
    """Made once and kept, so that a later `up` finds the same addresses, data and secrets."""

    id: str
    port: int
    sandbox_port: int
    database_port: int
    api_password: SecretStr
    database_password: SecretStr
    encryption_key: SecretStr

    @property
    def url(self) -> str:
        """Prefect's UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """Prefect's API."""
        return f"{self.url}/api"

    @property
    def auth_string(self) -> str:
        """What the API and the UI's login ask for; a secret."""
        return f"{USER}:{self.api_password.get_secret_value()}"

    def database_url(self, database: str, driver: str = "postgresql") -> str:
        """The SQLAlchemy URL of a database, with its password."""
        who = f"{USER}:{self.database_password.get_secret_value()}"
        return f"{driver}://{who}@127.0.0.1:{self.database_port}/{database}"

    def as_json(self) -> bytes:
        """All of it, secrets in the clear."""
        shown = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self
        }
        return json.dumps(shown, indent=2).encode()


@dataclass(frozen=True)
class Home:
    """The folder of an installation."""

    folder: Path

    @property
    def facts(self) -> Path:
        """Ports and secrets, for the owner alone."""
        return self.folder / "installation.json"

    @property
    def shell(self) -> Path:
        """Exports for a shell that works with the installation, for the owner alone."""
        return self.folder / "environment"

    @property
    def state(self) -> Path:
        """birthcert's state: the steps' results."""
        return self.folder / "state"

    def record(self, part: str) -> Path:
        """Which process a part is."""
        return self.folder / "running" / f"{part}.json"

    def log(self, part: str) -> Path:
        """What a part says."""
        return self.folder / "logs" / f"{part}.log"

    @contextmanager
    def locked(self) -> Iterator[int]:
        """One `up` or `down` at a time: waits for another, and gives the lock's descriptor."""
        with (self.folder / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                console.err.print("another up or down is at work here: waiting for it ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()

    def read(self) -> Installation | None:
        """The installation's facts; None where there is none yet. UnusableInput for a bad file."""
        try:
            return Installation.model_validate_json(self.facts.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise UnusableInput(
                f"{self.facts} cannot be used", remedy="take it from a backup: it holds the secrets"
            ) from error

    def read_or_make(self, port: int | None) -> Installation:
        """The installation's facts, made with fresh secrets at the first time.

        `port` is the UI's, 0 any free one; None: as before, at first Prefect's usual one.
        ConfigurationError: no port, or another one while it is up.
        """
        if port is not None and not 0 <= port <= 65_535:
            raise ConfigurationError(f"{port} is no port", remedy="choose 0 to 65535")
        known = self.read()
        if known and (not port or port == known.port):
            return known
        if known and running(self.record("server")):
            raise ConfigurationError(
                f"it is up on port {known.port}", remedy="end it first: make down"
            )
        facts = known.model_dump() if known else _drawn()
        facts["port"] = DEFAULT_PORT if port is None else port or free_port()
        installation = Installation.model_validate(facts)
        write_atomically(self.facts, installation.as_json(), mode=0o600)
        return installation

    def make(self) -> None:
        """The folder and its parts. Others may pass through, as Postgres's user must, not look."""
        for folder in (self.folder, self.folder / "running", self.folder / "logs", self.state):
            make_folder(folder)
        self.folder.chmod(0o711)
        for private in (self.state, self.folder / "logs"):
            private.chmod(0o700)


def find_home(folder: Path) -> Home:
    """The home in a folder; ConfigurationError where the system cannot tell processes apart."""
    if not Path("/proc/self/stat").exists():
        raise ConfigurationError(
            "this system has no /proc, by which processes are known again",
            remedy="run it on Linux, or start the servers one by one (docs/operations.md)",
        )
    return Home(folder.absolute())


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_in_use(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _drawn() -> dict[str, Any]:
    return {
        "id": secrets.token_hex(8),
        "sandbox_port": free_port(),
        "database_port": free_port(),
        "api_password": secrets.token_urlsafe(24),
        "database_password": secrets.token_urlsafe(24),
        # Fernet's form
        "encryption_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }
