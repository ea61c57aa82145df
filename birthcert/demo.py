"""The demo: a sandbox, a Prefect server, a tenant bootstrapped, 25 devices certified and online."""

import importlib
import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from birthcert import console
from birthcert.connecting import ConnectReport
from birthcert.console import Show
from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.files import write_atomically
from birthcert.models import BootstrapReport, BootstrapRequest, IssueReport, IssueRequest
from birthcert.servers import prefect_server, sandbox_server

TENANT: Final = "acme"
PASSPHRASE: Final = b"a-demo-keeps-no-secrets\n"
MARKER: Final = ".birthcert-demo"


def run_demo(directory: Path, *, keep: bool, show: Show) -> int:
    """Run the demo in `directory`, which is emptied first.

    0 when every certificate verifies and every device published.
    """
    started = time.monotonic()
    directory = directory.absolute()
    _empty(directory)
    with ExitStack() as stack:
        sandbox_ready = stack.enter_context(sandbox_server(directory))
        prefect = stack.enter_context(prefect_server(directory.parent / "prefect"))
        console.err.print("starting the sandbox and a Prefect server ...")
        _point_here(directory, sandbox_ready()["environment"])
        # read when Prefect is imported
        os.environ["PREFECT_API_URL"] = prefect.api
        warm_up = threading.Thread(target=_import_flows)
        warm_up.start()
        prefect.wait()
        warm_up.join()
        bootstrapped, issued = _run_flows(directory, show)
        verified = verify_with_openssl(directory, bootstrapped.authority_certificate_pem)
        connected = _connect(directory)
        seconds = time.monotonic() - started
        _show(directory, bootstrapped, issued, verified, connected, prefect.url, seconds)
        if keep:
            _wait_until_interrupted(prefect.url)
    published = sum(report.published for report in connected)
    good = all(verified.values()) and issued.issued == published == 25
    return console.DONE if good else console.FAILED


def verify_with_openssl(directory: Path, ca_pem: str) -> dict[str, bool]:
    """Whether `openssl verify -purpose sslclient` takes each device's chain up to the CA."""
    ca = directory / "ca.pem"
    ca.write_text(ca_pem)
    chains = sorted((directory / "certificates").glob("*/chain.pem"))
    with ThreadPoolExecutor(4) as pool:
        verdicts = pool.map(lambda chain: _verifies(ca, chain), chains)
    return {chain.parent.name: verdict for chain, verdict in zip(chains, verdicts, strict=True)}


def _verifies(ca: Path, chain: Path) -> bool:
    command = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", str(ca)]
    try:
        answer = subprocess.run(
            [*command, "-untrusted", str(chain), str(chain)], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise BirthcertError("openssl is not installed", remedy="install it") from None
    return answer.returncode == 0


def _run_flows(directory: Path, show: Show) -> tuple[BootstrapReport, IssueReport]:
    from birthcert.runs import run_bootstrap, run_issue

    quiet = Show(debug=show.debug, quiet=show.quiet)
    bootstrapped = run_bootstrap(BootstrapRequest(tenant=TENANT, tags={"OWNER": "demo"}), quiet)
    write_atomically(directory / "bootstrap.json", bootstrapped.model_dump_json(indent=2).encode())
    request = IssueRequest(
        tenant=TENANT,
        manifest=str(example_manifest()),
        out=str(directory / "certificates"),
        subject="from-manifest",
        generate_keys="EC_prime256v1",
        key_passphrase_file=str(directory / "passphrase"),
        approve=True,
    )
    issued = run_issue(request, quiet)
    write_atomically(directory / "issue.json", issued.model_dump_json(indent=2).encode())
    return bootstrapped, issued


def _connect(directory: Path) -> list[ConnectReport]:
    from birthcert.demo_devices import connect_devices

    console.err.print("25 devices connect, are provisioned, and connect again ...")
    # two lines a device are too many
    console.show_logs(Show(quiet=True))
    reports = connect_devices(TENANT, directory / "certificates", PASSPHRASE.strip())
    lines = [report.model_dump_json() for report in reports]
    write_atomically(directory / "connect.jsonl", "\n".join([*lines, ""]).encode())
    return reports


def example_manifest() -> Path:
    """The example fleet's manifest, beside the package in a checkout."""
    manifest = Path(__file__).parent.parent / "examples" / "fleet" / "manifest.csv"
    if not manifest.exists():
        raise ConfigurationError(
            f"no example fleet at {manifest}", remedy="run the demo from a checkout"
        )
    return manifest


def _point_here(directory: Path, aws: dict[str, str]) -> None:
    """This process's environment: the sandbox for AWS, the demo's folder for all state."""
    passphrase = directory / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_bytes(PASSPHRASE)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "PREFECT_PROFILE", "BIRTHCERT_LEDGER_URL"):
        os.environ.pop(name, None)
    os.environ.update(
        aws,
        BIRTHCERT_STATE_FOLDER=str(directory / "state"),
        PREFECT_HOME=str(directory.parent / "prefect"),
        PREFECT_RESULTS_LOCAL_STORAGE_PATH=str(directory / "state" / "results"),
    )


def _import_flows() -> None:
    from birthcert.runs import prepare_prefect

    prepare_prefect()
    for flow in ("bootstrap", "issue"):
        importlib.import_module(f"flows.{flow}")


def _empty(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()) and not (directory / MARKER).exists():
        raise ConfigurationError(
            f"{directory} is not empty and no demo's folder", remedy="choose another folder"
        )
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / MARKER).touch()


def _show(
    directory: Path,
    bootstrapped: BootstrapReport,
    issued: IssueReport,
    verified: dict[str, bool],
    connected: list[ConnectReport],
    ui: str,
    seconds: float,
) -> None:
    from birthcert.screens import show_demo

    show_demo(
        directory=directory,
        bootstrapped=bootstrapped,
        issued=issued,
        verified=verified,
        connected=connected,
        ui=ui,
        seconds=seconds,
    )


def _wait_until_interrupted(ui: str) -> None:
    console.out.print(f"Up: {ui} and the sandbox. Ctrl-C ends both.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.err.print("ending both ...")
