"""The output folder in the `files` layout: a folder for each device, and report.csv."""

import csv
import io
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.files import make_folder, replacing, write_atomically
from birthcert.issuance.devices import Device, DeviceOutcome, DeviceResult
from birthcert.issuance.helper import Helper
from birthcert.issuance.outlet import FilesOutlet, Outlet
from birthcert.models import IssueReport, Shard
from birthcert.pki.certificates import (
    join_pem,
    load_certificate,
    public_key_sha256,
    serial_hex,
    split_pem,
)

CERTIFICATE: Final = "certificate.pem"
CHAIN: Final = "chain.pem"
REPORT: Final = "report.csv"
# a device can have this name: its folder and the shards' reports do not meet
SHARDS: Final = "shards"
REPORT_COLUMNS: Final = (
    "device_id",
    "outcome",
    "serial_number",
    "certificate_arn",
    "not_after",
    "certificate",
    "reason",
)
_ROW: Final = re.compile(r"row (\d+): ")


@dataclass(frozen=True)
class OutputFolder:
    """Where certificates go: `DEVICE/certificate.pem`, `DEVICE/chain.pem` and `report.csv`.

    A device id is a folder's name: its alphabet holds neither dot nor slash, so none can leave
    the folder or meet the report [26].
    """

    path: Path
    shard: Shard | None = None
    # large batches have a second process for their computing
    helper: Helper | None = None

    def chunk_size(self, asked: int) -> int:
        """As asked for: files do not depend on it."""
        return asked

    def shard_size(self, asked: int) -> int:
        """As asked for."""
        return asked

    def finish(self) -> None:
        """There is no index: the report is one."""

    @property
    def report(self) -> Path:
        """Where the report goes; that of a shard stands with those of the other shards."""
        return self.report_of(self.shard) if self.shard else self.path / REPORT

    def report_of(self, shard: Shard) -> Path:
        """Where a shard's report goes."""
        return self.path / SHARDS / f"{shard.label}.csv"

    def summary_of(self, shard: Shard) -> IssueReport:
        """The report that a shard's run left as JSON; UnusableInput where there is none."""
        path = self.report_of(shard).with_suffix(".json")
        try:
            return IssueReport.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UnusableInput(
                f"the summary {path} cannot be read: {error}", remedy="run the batch again"
            ) from error

    def write_summary(self, report: IssueReport) -> None:
        """Leave a shard's report for the run that handed the shard out."""
        if self.shard:
            path = self.report.with_suffix(".json")
            write_atomically(path, report.model_dump_json(indent=2).encode())

    def outlet(self, _number: int) -> Outlet:
        """The way out of a chunk, whatever its number."""
        return FilesOutlet(self.deliver, self.find_delivered)

    def certificate(self, device_id: str) -> Path:
        """Where a device's certificate goes."""
        return self.path / device_id / CERTIFICATE

    def deliver(self, device: Device, certificate_pem: str, chain_pem: str) -> str:
        """Write a device's two files atomically and return the path of its certificate.

        `chain_pem` is Private CA's chain, the issuer first. Raises UnwritableOutput.
        """
        return self.write(device.device_id, certificate_pem, chain_pem)

    def write(self, device_id: str, certificate_pem: str, chain_pem: str) -> str:
        """Write the two files of a device that is known by its id alone, as `deliver` does.

        The device presents its certificate, then the CA certificate that is registered with
        AWS IoT, which is the issuer's [17, 31].
        """
        certificate = self.certificate(device_id)
        presented = join_pem(certificate_pem, *split_pem(chain_pem)[:1])
        make_folder(certificate.parent)
        write_atomically(certificate.with_name(CHAIN), presented.encode())
        write_atomically(certificate, join_pem(certificate_pem).encode())
        return str(certificate)

    def find_delivered(self, device: Device, serial_number: str) -> str | None:
        """The path of a device's certificate where both its files hold that very one, else None.

        `serial_number` is in AWS's colon form. A file that is cut short, of another key or of an
        earlier certificate is as good as none.
        """
        return self.find(device.device_id, serial_number, device.csr.public_key_sha256)

    def find(self, device_id: str, serial_number: str, public_key_sha256: str) -> str | None:
        """What `find_delivered` gives, of a device that is known by its ledger row alone."""
        certificate = self.certificate(device_id)
        wanted = serial_number, public_key_sha256
        for path in (certificate, certificate.with_name(CHAIN)):
            if _serial_and_key(path) != wanted:
                return None
        return str(certificate)


def prepare_output(out: str, shard: Shard | None = None) -> OutputFolder:
    """The output folder, made if need be, after a trial write.

    Raises ConfigurationError, before anything else was touched, for a folder that cannot be
    made or written, and for an address that is no local path.
    """
    if "://" in out:
        raise ConfigurationError(
            f"the output {out} is not a local folder", remedy="name a folder on this machine"
        )
    folder = OutputFolder(Path(out).absolute(), shard)
    try:
        folder.report.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.path) as trial:
            trial.write(b"trial")
    except OSError as error:
        raise ConfigurationError(
            f"the output folder {out} cannot be written: {error.strerror or error}",
            remedy="nothing was touched: name another folder or give this user write access",
        ) from error
    if folder.report.is_dir():
        raise ConfigurationError(
            f"{folder.report} is a folder where the report belongs",
            remedy="nothing was touched: name another output folder",
        )
    return folder


def write_report(path: Path, outcomes: Iterable[DeviceOutcome]) -> Counter[DeviceResult]:
    """Write report.csv atomically, a row for each outcome as it comes, and count the outcomes.

    The reason of a row that was refused or failed begins with its number in the manifest.
    Raises UnwritableOutput.
    """
    counts: Counter[DeviceResult] = Counter()
    with replacing(path) as stream:
        # certificates are paid for by now: no odd character in a reason may cost the report
        text = io.TextIOWrapper(stream, "utf-8", errors="backslashreplace", newline="")
        report = csv.writer(text, lineterminator="\n")
        report.writerow(REPORT_COLUMNS)
        for outcome in outcomes:
            counts[outcome.outcome] += 1
            report.writerow(_report_row(outcome))
        text.flush()
        text.detach()
    return counts


def read_report(path: Path) -> Iterator[DeviceOutcome]:
    """The outcomes of a report that `write_report` wrote; UnusableInput where it is none."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield _outcome(row)
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise UnusableInput(
            f"the report {path} cannot be read: {error}", remedy="run the batch again"
        ) from error


def _outcome(row: dict[str, str]) -> DeviceOutcome:
    facts: dict[str, Any] = {name: row[name] for name in REPORT_COLUMNS}
    number, reason = 0, facts.pop("reason")
    if found := _ROW.match(reason):
        number, reason = int(found[1]), reason[found.end() :]
    return DeviceOutcome(row=number, reason=reason, **facts)


def _report_row(outcome: DeviceOutcome) -> list[str]:
    row = [str(getattr(outcome, column)) for column in REPORT_COLUMNS]
    if outcome.reason:
        row[-1] = f"row {outcome.row}: {outcome.reason}"
    return row


def _serial_and_key(path: Path) -> tuple[str, str] | None:
    """Serial number and public key's hash of the first certificate in a file."""
    try:
        pems = split_pem(path.read_text(encoding="ascii"))
        certificate = load_certificate("".join(pems[:1]))
    except (OSError, UnicodeDecodeError, UnusableInput):
        return None
    return serial_hex(certificate), public_key_sha256(certificate.public_key())
