"""A batch of a tenant done device by device, and whatever may spoil its books."""

import json
import sqlite3
import threading
import urllib.request
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from birthcert.aws.access import AwsAccess
from birthcert.aws.authority import issuing_authority
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.errors import AwsUnreachable
from birthcert.issuance.batch import Batch, checked_rows
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device
from birthcert.issuance.engine import issue_chunk
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.output import prepare_output
from birthcert.ledger.ledger import Ledger
from birthcert.models import (
    IssueRequest,
    Place,
    Subject,
)
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.pki.templates import template_arn
from birthcert.sandbox.server import Sandbox

REGION = "eu-west-1"
DEVICES = ("whole", "lost", "unasked", "fileless", "denied", "mistaken", "fresh")
ISSUE = "acm-pca.IssueCertificate"


class Workbench:
    """One tenant's batch, device by device, by the engine itself: no retries, any fault."""

    def __init__(self, folder: Path, sandbox: Sandbox, account: str) -> None:
        self.folder, self._sandbox = folder, sandbox
        self.aws = AwsAccess(REGION, retry_seconds=0)
        self.place = Place(
            partition="aws", account=account, region=REGION, sandbox=sandbox.state.instance
        )
        self.request = IssueRequest(
            tenant="acme", manifest=str(folder / "manifest.csv"), out=str(folder / "out")
        )
        self.authority = issuing_authority(self.aws, self.request, self.place)
        self.bucket = f"audit-{account}"
        location = {"LocationConstraint": REGION}
        self.aws.call("s3", "CreateBucket", Bucket=self.bucket, CreateBucketConfiguration=location)

    def ledger(self) -> Ledger:
        """The ledger that the flows use."""
        return Ledger.open(None, self.folder / "state")

    def write_manifest(self) -> None:
        """Each device with a key of its own."""
        lines = ["device_id,csr"]
        for name in DEVICES:
            csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
            (self.folder / f"{name}.csr").write_bytes(csr)
            lines.append(f"{name},{name}.csr")
        Path(self.request.manifest).write_text("\n".join(lines) + "\n")

    def issue_each(self, faults: dict[str, str]) -> None:
        """Issue device by device; `faults`: the effect that IssueCertificate has for a device."""
        out = prepare_output(self.request.out)
        devices = [row for row in checked_rows(self.request) if isinstance(row, Device)]
        with (
            self.ledger() as ledger,
            Batch(self.request, self.place, self.authority, ledger=ledger, out=out) as batch,
            Crew(1) as crew,
        ):
            for device in devices:
                fault = faults.get(device.device_id)
                rules = [{"action": ISSUE, "effect": fault}] if fault else []
                self._sandbox.state.knobs.update({"calls": rules})
                with suppress(AwsUnreachable):
                    issue_chunk(
                        [device],
                        authority=PrivateCaIssuer(self.aws, self.authority, "aws"),
                        ledger=ledger,
                        batch_id=batch.id,
                        options=IssueOptions(),
                        outlet=out.outlet(1),
                        crew=crew,
                        stop=threading.Event(),
                    )
        self._sandbox.state.knobs.update({"calls": []})

    def buy(self, name: str, csr: bytes | None = None) -> str:
        """A certificate past the ledger; its ARN."""
        key = generate_private_key("EC_prime256v1")
        answer = self.aws.call(
            "acm-pca",
            "IssueCertificate",
            CertificateAuthorityArn=self.authority.arn,
            Csr=csr or build_csr(key, Subject(common_name=name)),
            SigningAlgorithm=self.authority.signing_algorithm,
            TemplateArn=template_arn("EndEntityClientAuthCertificate/V1"),
            Validity={"Type": "DAYS", "Value": 10},
            IdempotencyToken=name,
        )
        return str(answer["CertificateArn"])

    def spoil_ledger(self, sql: str, *values: str) -> None:
        """Change the ledger's file by hand."""
        with closing(sqlite3.connect(self.folder / "state" / "ledger.sqlite3")) as connection:
            assert connection.execute(sql, values).rowcount == 1
            connection.commit()

    def own(self) -> list[str]:
        """The kinds of the certificates that the ledger knows to be no device's."""
        with self.ledger() as ledger:
            return sorted(ledger.own_book.of(self.place, self.authority.arn).values())

    def states(self) -> dict[str, str]:
        """The ledger's state of each device."""
        with self.ledger() as ledger:
            return {record.device_id: record.state for record in ledger.records()}

    def sold(self) -> Counter[str]:
        """How many certificates that are not revoked AWS's books have of each device."""
        with urllib.request.urlopen(f"{self._sandbox.url}/_sandbox/books") as answer:
            certificates = json.load(answer)["certificates"]
        return Counter(
            each["subject"].removeprefix("CN=")
            for each in certificates
            if each["authority_arn"] == self.authority.arn and not each["revoked"]
        )


def sold_to(bench: Workbench, device: str) -> str:
    """The ARN of a device's certificate in AWS's books."""
    with urllib.request.urlopen(f"{bench._sandbox.url}/_sandbox/books") as answer:
        certificates = json.load(answer)["certificates"]
    return next(c["certificate_arn"] for c in certificates if c["subject"] == f"CN={device}")


def revoke(bench: Workbench, arn: str) -> None:
    """Revoke a certificate in Private CA."""
    bench.aws.call(
        "acm-pca",
        "RevokeCertificate",
        CertificateAuthorityArn=bench.authority.arn,
        CertificateSerial=arn.rpartition("/")[2],
        RevocationReason="SUPERSEDED",
    )
