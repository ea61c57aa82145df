"""What a line of a manifest says: its row, by its form alone.

A helper process parses lines, and starts in a third of the time without pydantic and boto3: so
nothing here imports them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from birthcert.pki.csr import plain_csr_sha256
from birthcert.pki.names import SUBJECT_FIELDS

SUBJECT_COLUMNS: Final = frozenset(SUBJECT_FIELDS)
CSV_COLUMNS: Final = SUBJECT_COLUMNS | {"device_id", "csr", "place"}
JSON_FIELDS: Final = CSV_COLUMNS | {"csr_path"}
NO_SUBJECT: Final[Mapping[str, str]] = {}


class Line(NamedTuple):
    """One line without its end; `number` counts from 1; `problem` says why it has no text."""

    number: int
    text: str
    problem: str = ""


class ManifestRow(NamedTuple):
    """One device as the manifest has it.

    `row` is the line number in the file, a CSV's header being 1. The CSR is `csr_pem` or the
    file `csr_path`; `subject` holds the further columns that are not empty, by the names of
    `birthcert.models.Subject`; `place` is the one that the row names, of a fleet's; `problem`
    says why a row could not be read. `csr_sha256` is of the DER of a plain `csr_pem`, in hex,
    where it was worked out already.
    """

    row: int
    device_id: str = ""
    csr_pem: str = ""
    csr_path: str = ""
    subject: Mapping[str, str] = NO_SUBJECT
    problem: str = ""
    place: str = ""
    csr_sha256: str | None = None


def json_rows(lines: Sequence[Line]) -> list[ManifestRow]:
    """The rows of lines of JSON, with the hashes of their CSRs: for the helper."""
    return [json_row(line, hashed=True) for line in lines]


def json_row(line: Line, *, hashed: bool = False) -> ManifestRow:
    """The row of a line of JSON; with its CSR's hash where that is wanted."""
    fields, problem = _json_fields(line)
    device_id = fields.get("device_id", "")
    if problem:
        return ManifestRow(row=line.number, device_id=device_id, problem=problem)
    csr_pem = fields.get("csr", "")
    return ManifestRow(
        row=line.number,
        device_id=device_id.strip(),
        csr_pem=csr_pem,
        csr_path=fields.get("csr_path", "").strip(),
        place=fields.get("place", "").strip(),
        subject={name: fields[name] for name in SUBJECT_COLUMNS & fields.keys() if fields[name]},
        csr_sha256=plain_csr_sha256(csr_pem.encode()) if hashed and csr_pem else None,
    )


def _json_fields(line: Line) -> tuple[dict[str, str], str]:
    """The fields of a line that are text, and the line's problem if it has one."""
    if line.problem:
        return {}, line.problem
    try:
        value = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        return {}, f"the line is not JSON: {error}"
    if not isinstance(value, dict):
        return {}, "the line is not a JSON object"
    fields = {name: field for name, field in value.items() if isinstance(field, str)}
    if not _encodable("".join(fields.values())):
        return {}, "a field has half of a surrogate pair in it"
    if unknown := value.keys() - JSON_FIELDS:
        return fields, f"unknown field {min(unknown)[:40]!r}"
    if len(fields) < len(value):
        return fields, f"the field {min(value.keys() - fields.keys())} is not text"
    if fields.get("csr") and fields.get("csr_path"):
        return fields, "both csr and csr_path are given: one is enough"
    return fields, ""


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
