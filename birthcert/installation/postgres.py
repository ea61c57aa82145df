"""A Postgres of the installation's own: made once, started, its databases there."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from birthcert.errors import ConfigurationError
from birthcert.files import write_atomically
from birthcert.installation.facts import USER, Installation
from birthcert.ledger.connection import connect
from birthcert.servers import ServerNotStarted

# Debian's and its descendants' place; elsewhere the programs are on PATH
INSTALLED: Final = Path("/usr/lib/postgresql")
DATABASES: Final = ("prefect", "ledger")


def find_programs() -> Path:
    """The folder of the newest Postgres's programs; ConfigurationError where there is none."""
    versions = sorted(INSTALLED.glob("*/bin"), key=lambda each: float(each.parent.name))
    on_path = shutil.which("initdb")
    for folder in [*reversed(versions), *([Path(on_path).parent] if on_path else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ConfigurationError(
        "Postgres is not installed", remedy="install it: apt-get install postgresql"
    )


def server_user() -> str | None:
    """The user that Postgres, which refuses to be root, runs as; None: this one."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def make_cluster(programs: Path, folder: Path, password: SecretStr, *, lock: int) -> None:
    """The data folder, if it is not there; whole or not at all. Asks for the password over TCP.

    `lock` is a descriptor that initdb holds open: none begins beside one whose parent was killed.
    """
    if folder.exists():
        return
    user, unfinished = server_user(), folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    # initdb takes it from a file alone, and reads it as the other user
    password_file = folder.with_name(".postgres-password")
    password_file.unlink(missing_ok=True)
    write_atomically(password_file, password.get_secret_value().encode(), mode=0o600)
    if user:
        shutil.chown(unfinished, user)
        shutil.chown(password_file, user)
    options = [f"--pwfile={password_file}", "--auth-host=scram-sha-256", "--auth-local=reject"]
    options += ["--encoding=UTF8", "--no-locale"]
    made = subprocess.run(
        [str(programs / "initdb"), "-D", str(unfinished), "-U", USER, *options],
        capture_output=True,
        text=True,
        user=user,
        pass_fds=(lock,),
        cwd="/",
        check=False,
    )
    password_file.unlink()
    if made.returncode:
        raise ConfigurationError(
            f"Postgres cannot make its data folder {folder}: {' '.join(made.stderr.split())}",
            remedy=f"choose a folder that the user {user or 'you'} can reach: birthcert up --dir",
        )
    unfinished.rename(folder)


def server_command(programs: Path, folder: Path, port: int) -> list[str]:
    """The server, on the loopback alone."""
    options = {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
    }
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(folder), *settings]


def answers(installation: Installation) -> bool | None:
    """True as soon as the server lets us in; None while it is starting."""
    try:
        with connect(installation.database_url("postgres"), Path()).connect():
            return True
    except OperationalError as error:
        if "password authentication failed" in str(error):
            raise ServerNotStarted(
                f"another Postgres answers on port {installation.database_port}",
                remedy="end it, then try again",
            ) from error
        return None


def make_databases(installation: Installation) -> None:
    """Prefect's database and the ledger's, where they are not there."""
    engine = connect(installation.database_url("postgres"), Path())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        there = set(connection.execute(text("SELECT datname FROM pg_database")).scalars())
        for name in DATABASES:
            if name not in there:
                connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
