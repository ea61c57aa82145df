"""Runs to be killed and what they leave: accounts, fleets, deaths, and AWS's books afterwards."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import boto3
from cryptography.hazmat.primitives.asymmetric import ec

from birthcert.ledger.ledger import Ledger
from birthcert.models import Subject
from birthcert.pki.csr import build_csr
from birthcert.servers import sandbox_server

REGION = "eu-west-1"
_numbers = itertools.count()
VICTIM = Path(__file__).with_name("crash_victim.py")
KILLED = -9
RANG = -14
TENANT = "acme"
BOOTSTRAP: dict[str, Any] = {
    "tenant": TENANT,
    "region": REGION,
    "tags": {"OWNER": "crash"},
    "certificate_authority": {"key_algorithm": "EC_prime256v1"},
    "canary": False,
}


class Victims:
    """The processes that are killed: a server that forks one for each job."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(VICTIM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._answer() == {"ready": True}

    def run(self, *jobs: dict[str, Any]) -> list[int]:
        """Run the jobs at the same time; their exit codes, negative for a signal."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()
        ended = self._answer()
        return [ended[job["answer"]] for job in jobs]

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the victims' server ended: {self._log.name}"
        return json.loads(line)

    def close(self) -> None:
        """End the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@dataclass
class Run:
    """How a run ended: exit code, its report or its error, and the calls it began."""

    code: int
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    calls: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Desk:
    """One operator's account, state folder and output: what a command is run on."""

    folder: Path
    url: str
    environment: dict[str, str]
    victims: Victims
    ledger_url: str | None = None
    state: Path = Path("state")

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self.folder / self.state
        self.environment = {**self.environment, "BIRTHCERT_STATE_FOLDER": str(self.state)}
        if self.ledger_url:
            self.environment["BIRTHCERT_LEDGER_URL"] = self.ledger_url

    def job(self, flow: str, request: dict[str, Any], **how: Any) -> dict[str, Any]:
        """One run of a flow, for the victims' server."""
        return {
            "flow": flow,
            "request": request,
            "environment": self.environment,
            "folder": str(self.folder),
            "log": str(self.folder / "log"),
            "answer": str(self.folder / f"answer-{next(_numbers)}.json"),
            **how,
        }

    def run(self, flow: str, request: dict[str, Any], **how: Any) -> Run:
        """Run a flow in a process of its own."""
        job = self.job(flow, request, **how)
        return result_of(job, self.victims.run(job)[0])

    def bootstrap(self, **how: Any) -> Run:
        """Bootstrap the tenant."""
        return self.run("bootstrap", BOOTSTRAP, **how)

    def issue(self, fleet: "Fleet", **how: Any) -> Run:
        """Certify a fleet."""
        return self.run("issue", fleet.request, **how)

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        return _client(service, self.url, self.environment)

    @property
    def account(self) -> str:
        """The account's number."""
        return self.folder.name

    def ledger(self) -> Ledger:
        """The run's ledger."""
        return Ledger.open(self.ledger_url, self.state)


def result_of(job: dict[str, Any], code: int) -> Run:
    """What a job's process wrote before it ended, if it came to that."""
    answer = Path(job["answer"])
    facts = json.loads(answer.read_text()) if code == 0 else {}
    return Run(code, **facts)


@dataclass(frozen=True)
class Fleet:
    """A manifest of devices whose names begin with `prefix`, and where their files go."""

    prefix: str
    devices: list[str]
    out: Path
    request: dict[str, Any]


class CsrStore:
    """CSRs without a subject, made once: every fleet's manifest names the devices anew."""

    def __init__(self, size: int) -> None:
        keys = (ec.generate_private_key(ec.SECP256R1()) for _ in range(size))
        self._csrs = [build_csr(key, Subject()).decode() for key in keys]

    def fleet(self, folder: Path, prefix: str, size: int = 40, **options: Any) -> Fleet:
        """A manifest in the folder; `options` are further facts of the IssueRequest."""
        devices = [f"{prefix}-{number}" for number in range(size)]
        rows = [
            json.dumps({"device_id": name, "csr": csr})
            for name, csr in zip(devices, self._csrs, strict=False)
        ]
        assert len(rows) == size
        folder.mkdir(parents=True, exist_ok=True)
        manifest, out = folder / f"{prefix}.jsonl", folder / f"out-{prefix}"
        manifest.write_text("\n".join(rows) + "\n")
        request = {
            "tenant": TENANT,
            "region": REGION,
            "manifest": str(manifest),
            "out": str(out),
            "subject": "from-manifest",
            "chunk_size": 20,
            "threads": 4,
            **options,
        }
        return Fleet(prefix, devices, out, request)


_session = boto3.Session(region_name=REGION, aws_access_key_id="-", aws_secret_access_key="-")
_clients: dict[tuple[str, str], Any] = {}


def _client(service: str, url: str, environment: dict[str, str]) -> Any:
    """A client with an environment's credentials: made once, for making one takes long."""
    key = service, url
    if key not in _clients:
        _clients[key] = _session.client(service, endpoint_url=url)
    credentials: Any = _session.get_credentials()
    credentials.access_key = environment["AWS_ACCESS_KEY_ID"]
    credentials.secret_key = environment["AWS_SECRET_ACCESS_KEY"]
    credentials.token = environment.get("AWS_SESSION_TOKEN")
    return _clients[key]


@dataclass
class Lab:
    """A sandbox in a process of its own, and a server of victims."""

    folder: Path
    url: str
    environment: dict[str, str]
    victims: Victims

    def __post_init__(self) -> None:
        self._accounts = itertools.count(300_000_000_001)

    def desk(self) -> Desk:
        """An operator with an empty account."""
        account = next(self._accounts)
        sts = _client("sts", self.url, self.environment)
        answer = sts.assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/crash", RoleSessionName="crash"
        )["Credentials"]
        credentials = {
            "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
            "AWS_SESSION_TOKEN": answer["SessionToken"],
        }
        return Desk(
            self.folder / str(account), self.url, {**self.environment, **credentials}, self.victims
        )

    @contextmanager
    def knobs(self, **changes: Any) -> Iterator[None]:
        """Make the sandbox misbehave inside the block."""
        ask_page(self.url, "POST", "faults", changes)
        try:
            yield
        finally:
            ask_page(self.url, "DELETE", "faults")

    def calls(self) -> dict[str, dict[str, int]]:
        """The sandbox's page `/_sandbox/calls`."""
        return dict(ask_page(self.url, "GET", "calls")["calls"])

    def reset_calls(self) -> None:
        """Count calls anew."""
        ask_page(self.url, "DELETE", "calls")


@contextmanager
def open_lab(folder: Path) -> Iterator[Lab]:
    """A lab whose sandbox answers without delay; a run's order of calls is then always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        sandbox_server(folder) as ready,
        Victims(folder / "victims.log") as victims,
    ):
        facts = ready()
        lab = Lab(folder, facts["endpoint_url"], facts["environment"], victims)
        yield lab


def ask_page(url: str, method: str, page: str, body: dict[str, Any] | None = None) -> Any:
    """One of the sandbox's own pages under `/_sandbox/`."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{url}/_sandbox/{page}", data, method=method)) as answer:
        return json.load(answer)
