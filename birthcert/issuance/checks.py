"""Which rows of a manifest may be sent to AWS, and why the others may not.

All of it happens before money is spent: what AWS would refuse, what would give one device
another's name, and what AWS IoT would refuse at the first connection.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import ValidationError

from birthcert.errors import UnusableInput
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.duplicates import FirstRows
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.issuance.reading import READ_EACH, Reader, Reading
from birthcert.jitp.parameters import COMMON_NAME, PREFIX, parameter_values, parameters_of
from birthcert.models import Subject
from birthcert.pki.csr import Csr, csr_name_problem
from birthcert.pki.names import device_name_problem, x509_name
from birthcert.storage.folder import Folder

SubjectMode = Literal["from-csr", "from-manifest"]


def check_rows(
    rows: Iterable[ManifestRow],
    *,
    folder: Folder,
    subject_mode: SubjectMode,
    provisioning_template: str | None = None,
    repeated: Mapping[int, str] = MappingProxyType({}),
    places: Collection[str] = (),
    read: Reader = READ_EACH,
) -> Iterator[Device | DeviceOutcome]:
    """Each row as a device to certify or as a refusal with its reason, in the manifest's order.

    `folder` is where the manifest lies; CSR paths are relative to it. `provisioning_template` is
    the body that AWS IoT will run: a subject without one of its parameters is refused here
    instead of at the device's first connection [26]. Of two rows with one device id the later is
    refused, whatever became of the earlier; of two with one public key the later, where the
    earlier is good. `repeated` are rows of which that is known already, and the reason: of those
    that repeat a row which is not among `rows`. `places` are those that a row may name. `read`
    reads the CSRs. ValueError for a template that is none.
    """
    required = parameters_of(provisioning_template) if provisioning_template else set()
    checks = _Checks(subject_mode, frozenset(required), repeated, places)
    first_rows = FirstRows()
    for reading in read(rows, folder):
        row = reading.row
        try:
            checked: Device | DeviceOutcome = checks.device(reading, first_rows)
        except UnusableInput as error:
            earlier = error.facts.get("earlier")
            checked = DeviceOutcome(
                row.device_id,
                row.row,
                "refused",
                reason=str(error),
                repeats=earlier if isinstance(earlier, int) else None,
            )
        yield checked


@dataclass(frozen=True)
class _Checks:
    subject_mode: SubjectMode
    required_parameters: frozenset[str]
    repeated: Mapping[int, str]
    places: Collection[str]

    def device(self, reading: Reading, first_rows: FirstRows) -> Device:
        """The device of a row; raises UnusableInput with the reason for its refusal."""
        row, csr = reading.row, reading.csr
        _refuse(row.problem)
        _refuse(device_name_problem(row.device_id))
        earlier = first_rows.of_name(row.device_id, row.row)
        _refuse(self.repeated.get(row.row))
        _refuse_repeated("device_id", earlier)
        _refuse_place(row.place, self.places)
        if isinstance(csr, UnusableInput):
            raise csr
        subject = self._subject(row, csr)
        earlier = first_rows.of_key(csr.public_key_sha256, row.row)
        _refuse_repeated("public key", earlier)
        asn1 = subject.as_asn1_subject() if subject else None
        return Device(row.row, row.device_id, csr, subject=asn1, known=reading.known)

    def _subject(self, row: ManifestRow, csr: Csr) -> Subject | None:
        """The subject that replaces the CSR's, or None where the CSR's own stays."""
        subject = None
        if self.subject_mode == "from-manifest":
            subject = manifest_subject(row)
        else:
            _refuse(csr_name_problem(csr, row.device_id))
        # the CommonName is the device's in both modes
        if self.required_parameters <= {COMMON_NAME}:
            return subject
        name = x509_name(subject) if subject else csr.subject
        missing = self.required_parameters - parameter_values(name, "").keys()
        if missing:
            names = ", ".join(sorted(name.removeprefix(PREFIX) for name in missing))
            raise UnusableInput(f"the subject lacks {names}, which the provisioning template needs")
        return subject


def manifest_subject(row: ManifestRow) -> Subject:
    """The subject that a row's columns make, with the device id as CommonName.

    UnusableInput for a value that is too long or of the wrong form, for a control character, and
    for a common_name that is not the device id.
    """
    if row.subject.get("common_name", row.device_id) != row.device_id:
        raise UnusableInput(
            f"the common_name {row.subject['common_name']!r} is not the device id",
            remedy="leave that column out",
        )
    for column, value in row.subject.items():
        if any(character < " " or character == "\x7f" for character in value):
            raise UnusableInput(f"the {column} has a control character in it")
    try:
        return Subject.model_validate({**row.subject, "common_name": row.device_id})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UnusableInput(f"the {first['loc'][0]} cannot be used: {first['msg']}") from error


def _refuse(problem: str | None) -> None:
    if problem:
        raise UnusableInput(problem)


def _refuse_repeated(kind: str, earlier: int | None) -> None:
    if earlier is not None:
        raise UnusableInput(f"the {kind} is that of row {earlier} already", earlier=earlier)


def _refuse_place(place: str, places: Collection[str]) -> None:
    if place and place not in places:
        raise UnusableInput(
            f"the place {place[:80]!r} is none of this batch",
            remedy=f"name one of {', '.join(places)}"
            if places
            else "certify it by birthcert fleet",
        )
