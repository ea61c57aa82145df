"""A ceremony: the run waits in Prefect while the root signs in a process and a place of its own."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from birthcert.models import BootstrapRequest, RootRequest, Subject
from birthcert.pki.pem import split_pem
from birthcert.roots import RootFiles, create_root

WAIT_SECONDS = 180
PASSPHRASE = "correct horse battery"
NOBODY = 65_534
RUN = """
import sys
from pathlib import Path
try:
    Path(sys.argv[1]).read_bytes()
except PermissionError:
    print("cannot read the root's key", file=sys.stderr, flush=True)
else:
    sys.exit("the flow's process can read the root's key")
from prefect import tags
from birthcert.models import BootstrapRequest
from flows.bootstrap import bootstrap
with tags("the-ceremony"):
    print(bootstrap(BootstrapRequest.model_validate_json(sys.argv[2])).model_dump_json())
"""


class Vault:
    """A folder with a root that only the process which signs can read, also where tests are root.

    Root reads everything by the capability to override permissions: the flow's process is started
    without it, and the folder is another user's. Elsewhere the folder is closed to all.
    """

    def __init__(self, folder: Path) -> None:
        self.files = RootFiles(folder / "ca.key.pem", folder / "ca.cert.pem")
        self._folder, self._is_root = folder, os.geteuid() == 0

    def close(self) -> None:
        """From now on the flow's process could not read it."""
        if self._is_root:
            os.chown(self._folder, NOBODY, NOBODY)
        self._folder.chmod(0o700 if self._is_root else 0)

    def open(self) -> None:
        """The root's owner is here."""
        self._folder.chmod(0o700)

    def outside(self) -> list[str]:
        """How a process is started that is not the owner's."""
        if not self._is_root:
            return []
        return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A closed vault with the owner's root."""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("SETPRIV IS NOT INSTALLED: apt install util-linux")
    (tmp_path / "vault").mkdir()
    made = Vault(tmp_path / "vault")
    request = RootRequest(subject=Subject(common_name="ACME"), key_algorithm="EC_prime256v1")
    create_root(made.files, request, PASSPHRASE.encode(), now=datetime.now(UTC))
    made.close()
    yield made
    made.open()


@pytest.fixture
def client(prefect: None) -> Iterator[Any]:
    """Prefect's API."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as connected:
        yield connected


def asked(tenant: str, **root: str) -> BootstrapRequest:
    """A CA below a root of the tenant's."""
    return BootstrapRequest.model_validate(
        {
            "tenant": tenant,
            "authority": "offline-root",
            "certificate_authority": {"key_algorithm": "EC_prime256v1"},
            "offline_root": root,
            "canary": False,
        }
    )


def paused_run(client: Any, process: "subprocess.Popen[str]") -> tuple[Any, str]:
    """The run, as soon as it waits with its form, and what the form says."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        for run in client.read_flow_runs():
            if "the-ceremony" in run.tags and run.state.is_paused():
                inputs = client.filter_flow_run_input(run.id, "paused-ca-certificate-", 10, set())
                texts = {each.key.rpartition("-")[2]: each.decoded_value for each in inputs}
                if "description" in texts:
                    return run, str(texts["description"])
        threading.Event().wait(0.2)
    raise AssertionError(f"it does not wait: {process.communicate(timeout=10)}")


def signed_by_its_owner(vault: Vault, csr: Path, sha256: str, out: Path) -> None:
    """`birthcert root sign` in a process that knows nothing of AWS and has no network."""
    alone = ["unshare", "--net"] if _can_be_alone() else []
    command = [sys.executable, "-m", "birthcert", "root", "sign", "--csr", str(csr)]
    root = ["--root-key", str(vault.files.key), "--root-certificate", str(vault.files.certificate)]
    limits = ["--csr-sha256", sha256, "--path-length", "0", "--out", str(out)]
    vault.open()
    subprocess.run(
        [*alone, *command, *root, *limits],
        env={"PATH": os.environ["PATH"], "BIRTHCERT_ROOT_PASSPHRASE": PASSPHRASE},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        timeout=WAIT_SECONDS,
    )
    vault.close()


def _can_be_alone() -> bool:
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def test_the_flow_waits_and_goes_on_with_what_was_signed(
    desk: Path, client: Any, vault: Vault, tmp_path: Path, page: Callable[..., Any]
) -> None:
    """Two processes: one never sees the root's key, the other never sees AWS."""
    words = [sys.executable, "-c", RUN, str(vault.files.key), asked("acme").model_dump_json()]
    process = subprocess.Popen(
        [*vault.outside(), *words],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        run, form = paused_run(client, process)
        artifact: Any = page("ca-csr")
        assert artifact.data == form
        csr, out = tmp_path / "acme.csr", tmp_path / "acme.pem"
        csr.write_text(form.partition("```text\n")[2].partition("```")[0])
        sha256 = form.partition("--csr-sha256 ")[2].split()[0]
        signed_by_its_owner(vault, csr, sha256, out)
        client.resume_flow_run(run.id, run_input={"ca_certificate": out.read_text()})
        printed, errors = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "cannot read the root's key" in errors
    report = json.loads(printed.strip().splitlines()[-1])
    assert split_pem(report["authority_certificate_pem"]) == split_pem(out.read_text())[:1]
    assert client.read_flow_run(run.id).state.is_completed()


def test_the_workers_block_signs_at_once(desk: Path, vault: Vault) -> None:
    """The request names the block, and neither a file nor a passphrase."""
    from blocks.offline_root import OfflineRoot
    from flows.bootstrap import bootstrap

    vault.open()
    block = OfflineRoot(
        certificate_file=str(vault.files.certificate),
        key_file=str(vault.files.key),
        passphrase=SecretStr(PASSPHRASE),
    )
    block.save("acme-root", overwrite=True)
    report = bootstrap(asked("globex", block="acme-root"))
    made = [step.name for step in report.steps if step.outcome == "created"]
    assert made[:3] == [
        "create_certificate_authority",
        "sign_ca_certificate",
        "install_signed_certificate",
    ]
    assert PASSPHRASE not in report.model_dump_json()
