"""The command line in this process: exit code, what it printed, and the calls that reached AWS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from birthcert.models import Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox


@dataclass(frozen=True)
class Ended:
    """A command that has ended; `calls` is what the sandbox counted meanwhile."""

    code: int
    out: str
    err: str
    calls: dict[str, dict[str, int]]

    @property
    def errors(self) -> list[str]:
        """The lines on stderr that say what is wrong."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]

    @property
    def changing_calls(self) -> list[str]:
        """Calls that do more than read."""
        reading = ("Describe", "Get", "List")
        return [name for name in self.calls if not name.split(".")[1].startswith(reading)]


Birthcert = Callable[..., Ended]


@pytest.fixture
def birthcert(desk: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Birthcert:
    """Run `birthcert ARGUMENTS` here, with the environment as it is now."""
    from birthcert.cli import run
    from tasks.access import aws_in, ledger

    def birthcert(*arguments: str) -> Ended:
        for cached in (aws_in, ledger):
            cached.cache_clear()
        capsys.readouterr()
        sandbox.reset_calls()
        code = run(list(arguments))
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err, sandbox.calls())

    return birthcert


@pytest.fixture(scope="module")
def bootstrapped(desk: Path, sandbox: Sandbox) -> str:
    """The tenant acme, ready; the CA's ARN."""
    from birthcert.models import BootstrapReport, BootstrapRequest
    from flows.bootstrap import bootstrap

    key = {"key_algorithm": "EC_prime256v1"}
    facts = {"tenant": "acme", "certificate_authority": key, "canary": False}
    report: BootstrapReport = bootstrap(BootstrapRequest.model_validate(facts))
    return report.authority_arn


@pytest.fixture
def fleet(tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest of so many good devices, and rows of your own after them."""

    def written(devices: int, *rows: str, prefix: str = "unit") -> Path:
        lines = ["device_id,csr"]
        for number in range(devices):
            name = f"{prefix}-{number}"
            csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
            (tmp_path / f"{name}.csr").write_bytes(csr)
            lines.append(f"{name},{name}.csr")
        path = tmp_path / "manifest.csv"
        path.write_text("\n".join([*lines, *rows]) + "\n")
        return path

    return written
