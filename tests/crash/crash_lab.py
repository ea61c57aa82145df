"""Runs to be killed and what they leave: accounts, fleets, deaths, and AWS's books afterwards."""

import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.request import Request, urlopen

import boto3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from birthcert.ledger.ledger import Ledger
from birthcert.models import Subject
from birthcert.pki.certificates import chain_problems, load_certificate, split_pem
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


def books(url: str) -> dict[str, Any]:
    """The sandbox's page `/_sandbox/books`."""
    return dict(_ask(url, "GET", "books"))


def inventory(desk: Desk) -> dict[str, Any]:
    """What an account holds, without what differs between two accounts: numbers and ids."""
    account = desk.account
    pca, iot, iam = (desk.client(service) for service in ("acm-pca", "iot", "iam"))
    held = books(desk.url)
    return {
        "authorities": sorted(
            (
                each["Status"],
                each["Type"],
                each["CertificateAuthorityConfiguration"]["KeyAlgorithm"],
            )
            for each in pca.list_certificate_authorities()["CertificateAuthorities"]
        ),
        "certificates": len(_of(account, held["certificates"], "authority_arn")),
        "registrations": [
            (
                each["status"],
                each["auto_registration"],
                each["template_body"],
                each["tags"]["OWNER"],
            )
            for each in _of(account, held["registrations"], "arn")
        ],
        "roles": {
            each["RoleName"]: len(
                iam.list_attached_role_policies(RoleName=each["RoleName"])["AttachedPolicies"]
            )
            for each in iam.list_roles()["Roles"]
        },
        "policies": {
            each["policyName"]: len(
                iot.list_policy_versions(policyName=each["policyName"])["policyVersions"]
            )
            for each in iot.list_policies()["policies"]
        },
        "thing types": [each["thingTypeName"] for each in iot.list_thing_types()["thingTypes"]],
        "things": len(iot.list_things()["things"]),
    }


def _of(account: str, entries: Sequence[dict[str, Any]], arn: str) -> list[dict[str, Any]]:
    return [entry for entry in entries if f":{account}:" in entry[arn]]


def sold_to(url: str, fleet: Fleet) -> dict[str, list[str]]:
    """The ARNs of the certificates that Private CA issued, by device."""
    sold: dict[str, list[str]] = {}
    for entry in books(url)["certificates"]:
        name = entry["subject"].partition("CN=")[2].partition(",")[0]
        if name.startswith(f"{fleet.prefix}-"):
            sold.setdefault(name, []).append(entry["certificate_arn"])
    return sold


def assert_certified(desk: Desk, fleet: Fleet, run: Run) -> None:
    """AWS's books, the ledger, the report and the files agree, and nothing was bought twice."""
    assert run.code == 0, run
    assert not run.error
    assert run.report["issued"] + run.report["existing"] == len(fleet.devices)
    assert_sold_once(desk, fleet)
    assert_files_whole(fleet)


def assert_sold_once(desk: Desk, fleet: Fleet) -> None:
    """Exactly one certificate a device, and the ledger knows its ARN."""
    sold = sold_to(desk.url, fleet)
    assert Counter({name: len(arns) for name, arns in sold.items()}) == dict.fromkeys(
        fleet.devices, 1
    )
    with desk.ledger() as ledger:
        rows = {row.device_id: row for row in ledger.records() if row.device_id in sold}
    assert {name: [row.certificate_arn] for name, row in rows.items()} == sold
    assert {row.state for row in rows.values()} == {"delivered"}


def assert_files_whole(fleet: Fleet) -> None:
    """Every file is there and parses, the chain leads up, and no key lies open."""
    for name in fleet.devices:
        leaf = load_certificate((fleet.out / name / "certificate.pem").read_text())
        chain = [
            load_certificate(p) for p in split_pem((fleet.out / name / "chain.pem").read_text())
        ]
        assert chain[0] == leaf
        assert not chain_problems(leaf, chain[1:], now=leaf.not_valid_before_utc)
        assert leaf.subject.rfc4514_string() == f"CN={name}"
    assert len((fleet.out / "report.csv").read_text().splitlines()) == len(fleet.devices) + 1
    assert_no_open_key(fleet.out)


def assert_no_open_key(folder: Path) -> None:
    """No private key in the clear in any file under the folder."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert b"-----BEGIN PRIVATE KEY" not in path.read_bytes(), path
        assert b"-----BEGIN EC PRIVATE KEY" not in path.read_bytes(), path


def assert_nothing_half_written(fleet: Fleet) -> None:
    """Right after a death: what has its final name is whole."""
    for path in fleet.out.glob("*/*.pem"):
        assert x509.load_pem_x509_certificates(path.read_bytes()), path


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
        _ask(self.url, "POST", "faults", changes)
        try:
            yield
        finally:
            _ask(self.url, "DELETE", "faults")

    def calls(self) -> dict[str, dict[str, int]]:
        """The sandbox's page `/_sandbox/calls`."""
        return dict(_ask(self.url, "GET", "calls")["calls"])

    def reset_calls(self) -> None:
        """Count calls anew."""
        _ask(self.url, "DELETE", "calls")


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


def _ask(url: str, method: str, page: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{url}/_sandbox/{page}", data, method=method)) as answer:
        return json.load(answer)
