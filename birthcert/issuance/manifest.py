"""A manifest's rows, one at a time: CSV with a header, or one JSON object a line.

The format is known by the first character: `{` begins JSONL. Nothing is judged here but the
form; whether a row can be certified is for `birthcert.issuance.checks`.
"""

import csv
from collections.abc import Iterator
from itertools import chain

from birthcert.errors import UnusableInput
from birthcert.issuance.helper import Helper, begun_ahead
from birthcert.issuance.manifest_lines import read_lines
from birthcert.issuance.manifest_rows import (
    CSV_COLUMNS,
    SUBJECT_COLUMNS,
    Line,
    ManifestRow,
    json_row,
    json_rows,
)
from birthcert.storage.stores import LOCAL, Storage


def read_manifest(
    path: str,
    *,
    csr_required: bool = True,
    first: int = 1,
    last: int | None = None,
    storage: Storage = LOCAL,
    helper: Helper | None = None,
) -> Iterator[ManifestRow]:
    """The rows of a manifest in its order, streamed: memory does not grow with it.

    A missing, empty or unreadable manifest and a wrong header raise UnusableInput at the call;
    damage further on (a gzip file cut short, a file that changes meanwhile) when it is reached.
    `csr_required=False` lets a CSV leave the column `csr` out. Rows before `first` and after
    `last` are skipped unread. A `helper` parses JSONL ahead: damage shows some rows earlier.
    """
    lines = read_lines(path, storage, first=first, last=last)
    head = next(lines, None)
    if head is None:
        raise UnusableInput(
            f"the manifest {path} is empty", remedy="give it the header device_id,csr and rows"
        )
    if head.text.lstrip().startswith("["):
        raise UnusableInput(
            f"the manifest {path} is a JSON array", remedy="write one JSON object on each line"
        )
    if head.text.lstrip().startswith("{"):
        wanted = [head] if head.number >= first else []
        every = chain(wanted, lines)
        return _parsed_ahead(every, helper) if helper else map(json_row, every)
    return _csv_rows(path, head, lines, csr_required)


def count_rows(path: str, *, csr_required: bool = True, storage: Storage = LOCAL) -> int:
    """How many devices a manifest names, reading it to its end without parsing its lines.

    Raises what `read_manifest` raises.
    """
    read_manifest(path, csr_required=csr_required, storage=storage)
    lines = read_lines(path, storage)
    is_csv = not next(lines).text.lstrip().startswith("{")
    return sum(1 for _ in lines) + (not is_csv)


def _csv_rows(
    path: str, header: Line, lines: Iterator[Line], csr_required: bool
) -> Iterator[ManifestRow]:
    columns = _columns(path, header, csr_required)
    first = next(lines, None)
    if first is None:
        raise UnusableInput(
            f"the manifest {path} has a header and no devices", remedy="add a row for each device"
        )
    return (_csv_row(line, columns) for line in chain([first], lines))


def _columns(path: str, header: Line, csr_required: bool) -> list[str]:
    """The header's names; anything but known ones, once each, is taken for a typing error."""
    fields, problem = _csv_fields(header)
    columns = [name.strip() for name in fields]
    required = ["device_id", "csr"] if csr_required else ["device_id"]
    missing = [name for name in required if name not in columns]
    unknown = [name for name in columns if name not in CSV_COLUMNS]
    if not problem and missing:
        problem = f"does not name {' and '.join(missing)}"
    elif not problem and unknown:
        problem = f"names the unknown column {unknown[0]!r}"
    elif not problem and len(set(columns)) < len(columns):
        problem = "names a column twice"
    if problem:
        raise UnusableInput(
            f"the manifest {path} has a wrong header (row {header.number}): "
            f"{header.text[:80]!r}: {problem}",
            remedy=f"begin with {','.join(required)} separated by commas; further columns may be "
            + ", ".join(sorted(SUBJECT_COLUMNS | {"place"})),
            row=header.number,
        )
    return columns


def _csv_fields(line: Line) -> tuple[list[str], str]:
    """A line's fields or its problem; each line is a row, so an open quote costs one row only."""
    if line.problem:
        return [], line.problem
    try:
        return next(csv.reader((line.text,), strict=True)), ""
    except csv.Error as error:
        return [], f"the line is not CSV: {error}"


def _csv_row(line: Line, columns: list[str]) -> ManifestRow:
    fields, problem = _csv_fields(line)
    if not problem and len(fields) != len(columns):
        problem = f"the line has {len(fields)} fields, the header {len(columns)}"
    values = dict(zip(columns, (value.strip() for value in fields), strict=False))
    return ManifestRow(
        row=line.number,
        device_id=values.pop("device_id", ""),
        csr_path=values.pop("csr", ""),
        place=values.pop("place", ""),
        subject={name: value for name, value in values.items() if value},
        problem=problem,
    )


def _parsed_ahead(lines: Iterator[Line], helper: Helper) -> Iterator[ManifestRow]:
    for rows in begun_ahead(lines, lambda some: helper.submit(json_rows, some)):
        yield from rows.result()
