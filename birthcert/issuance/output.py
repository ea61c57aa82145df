"""The output folder in the `files` layout: a folder for each device, and report.csv."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from birthcert.errors import ConfigurationError, UnusableInput
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
from birthcert.storage.folder import Folder
from birthcert.storage.local import LocalFolder
from birthcert.storage.stores import LOCAL, Storage, absolute

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
_IN_COLUMNS: Final = attrgetter(*REPORT_COLUMNS)
_FILE_MAX_BYTES: Final = 1_048_576
_ROW: Final = re.compile(r"row (\d+): ")


@dataclass(frozen=True)
class OutputFolder:
    """Where certificates go: `DEVICE/certificate.pem`, `DEVICE/chain.pem` and `report.csv`.

    A device id is a folder's name: its alphabet holds neither dot nor slash, so none can leave
    the folder or meet the report [26].
    """

    folder: Folder
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
    def address(self) -> str:
        """The folder's path, or its address in S3."""
        return self.folder.address()

    @property
    def report(self) -> str:
        """Where the report goes."""
        return self.folder.address(self.report_name)

    @property
    def report_name(self) -> str:
        """The report's name; that of a shard stands with those of the other shards."""
        return self.report_of(self.shard) if self.shard else REPORT

    def report_of(self, shard: Shard) -> str:
        """The name of a shard's report."""
        return f"{SHARDS}/{shard.label}.csv"

    def summary_of(self, shard: Shard) -> IssueReport:
        """The report that a shard's run left as JSON; UnusableInput where there is none."""
        name = _summary_name(shard)
        try:
            return IssueReport.model_validate_json(self.folder.read(name, _FILE_MAX_BYTES))
        except (OSError, ValueError) as error:
            raise UnusableInput(
                f"the summary {self.folder.address(name)} cannot be read: {error}",
                remedy="run the batch again",
            ) from error

    def write_summary(self, report: IssueReport) -> None:
        """Leave a shard's report for the run that handed the shard out."""
        if self.shard:
            summary = report.model_dump_json(indent=2).encode()
            self.folder.write(_summary_name(self.shard), summary)

    def outlet(self, _number: int) -> Outlet:
        """The way out of a chunk, whatever its number."""
        return FilesOutlet(self.deliver, self.find_delivered)

    def all_found(self, _number: int, devices: Sequence[Device]) -> list[str] | None:
        """Where the certificates of a chunk's devices are, all of which the ledger has as
        delivered; None where one is missing."""
        found = [
            self.find_delivered(each, each.known.serial_number) for each in devices if each.known
        ]
        paths = [path for path in found if path is not None]
        return paths if len(paths) == len(devices) else None

    def certificate(self, device_id: str) -> str:
        """Where a device's certificate goes."""
        return self.folder.address(f"{device_id}/{CERTIFICATE}")

    def has_files(self, device_id: str) -> bool:
        """Whether a device's two files are there, whatever is in them."""
        return all(self.folder.exists(f"{device_id}/{name}") for name in (CERTIFICATE, CHAIN))

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
        presented = join_pem(certificate_pem, *split_pem(chain_pem)[:1])
        self.folder.write(f"{device_id}/{CHAIN}", presented.encode())
        self.folder.write(f"{device_id}/{CERTIFICATE}", join_pem(certificate_pem).encode())
        return self.certificate(device_id)

    def find_delivered(self, device: Device, serial_number: str) -> str | None:
        """The path of a device's certificate where both its files hold that very one, else None.

        `serial_number` is in AWS's colon form. A file that is cut short, of another key or of an
        earlier certificate is as good as none.
        """
        return self.find(device.device_id, serial_number, device.csr.public_key_sha256)

    def find(self, device_id: str, serial_number: str, public_key_sha256: str) -> str | None:
        """What `find_delivered` gives, of a device that is known by its ledger row alone."""
        wanted = serial_number, public_key_sha256
        for name in (CERTIFICATE, CHAIN):
            if _serial_and_key(self.folder, f"{device_id}/{name}") != wanted:
                return None
        return self.certificate(device_id)


def prepare_output(
    out: str, shard: Shard | None = None, *, storage: Storage = LOCAL
) -> OutputFolder:
    """The output folder after a trial write; its first file makes it.

    Raises ConfigurationError for a folder that cannot be made or written, and for an address
    that cannot be one.
    """
    folder = storage.folder(absolute(out))
    folder.check_writable()
    output = OutputFolder(folder, shard)
    if isinstance(folder, LocalFolder) and (folder.path / output.report_name).is_dir():
        raise ConfigurationError(
            f"{output.report} is a folder where the report belongs",
            remedy="nothing was touched: name another output folder",
        )
    return output


def write_report(
    folder: Folder, outcomes: Iterable[DeviceOutcome], name: str = REPORT
) -> Counter[DeviceResult]:
    """Write report.csv atomically, a row for each outcome as it comes, and count the outcomes.

    The reason of a row that was refused or failed begins with its number in the manifest.
    Raises UnwritableOutput.
    """
    counts: Counter[DeviceResult] = Counter()
    with folder.replacing(name) as stream:
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


def read_report(folder: Folder, name: str) -> Iterator[DeviceOutcome]:
    """The outcomes of a report that `write_report` wrote; UnusableInput where it is none."""
    try:
        with folder.open(name) as source:
            text = io.TextIOWrapper(source.stream, "utf-8", newline="")
            for row in csv.DictReader(text):
                yield _outcome(row)
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise UnusableInput(
            f"the report {folder.address(name)} cannot be read: {error}",
            remedy="run the batch again",
        ) from error


def _summary_name(shard: Shard) -> str:
    return f"{SHARDS}/{shard.label}.json"


def _outcome(row: dict[str, str]) -> DeviceOutcome:
    facts: dict[str, Any] = {name: row[name] for name in REPORT_COLUMNS}
    number, reason = 0, facts.pop("reason")
    if found := _ROW.match(reason):
        number, reason = int(found[1]), reason[found.end() :]
    return DeviceOutcome(row=number, reason=reason, **facts)


def _report_row(outcome: DeviceOutcome) -> list[str]:
    *row, reason = _IN_COLUMNS(outcome)
    return [*row, f"row {outcome.row}: {reason}" if reason else ""]


def _serial_and_key(folder: Folder, name: str) -> tuple[str, str] | None:
    """Serial number and public key's hash of the first certificate in a file."""
    try:
        pems = split_pem(folder.read(name, _FILE_MAX_BYTES).decode("ascii"))
        certificate = load_certificate("".join(pems[:1]))
    except (OSError, UnicodeDecodeError, UnusableInput):
        return None
    return serial_hex(certificate), public_key_sha256(certificate.public_key())
