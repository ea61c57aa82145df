"""A manifest with bad rows of every kind at random places: the good ones issued, the bad named.

    python benchmarks/bad_rows.py [--devices 20000] [--bad-percent 0.1]

Certifies with the stand-in for AWS (stand_in.py) and holds the report against what was put into
the manifest: every bad row refused with its number and a reason, every other one issued. For the
size of the table: --devices 1000000.
"""

import argparse
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fleet
from engine import run

from birthcert.issuance.output import REPORT, read_report
from birthcert.storage.local import LocalFolder

SEED = 1
Row = dict[str, str]


def _cut(row: Row) -> bytes:
    return json.dumps(row).encode()[:-40]


def _changed(row: Row) -> bytes:
    at = len(row["csr"]) - 60
    letter = "A" if row["csr"][at] != "A" else "B"
    return json.dumps({**row, "csr": row["csr"][:at] + letter + row["csr"][at + 1 :]}).encode()


# Each makes a good row a bad one; `first` is the manifest's first row.
KINDS: dict[str, Callable[[Row, Row], bytes]] = {
    "no JSON": lambda row, _first: _cut(row),
    "no object": lambda _row, _first: b'["device-1"]',
    "not UTF-8": lambda row, _first: json.dumps(row).encode() + b"\xff",
    "NUL": lambda row, _first: json.dumps(row).encode().replace(b"device", b"dev\0ce", 1),
    "too long": lambda row, _first: json.dumps({**row, "csr": "x" * 200_000}).encode(),
    "10 MB": lambda row, _first: json.dumps({**row, "csr": "x" * 10_000_000}).encode(),
    "no CSR": lambda row, _first: json.dumps({"device_id": row["device_id"]}).encode(),
    "no such file": lambda row, _first: json.dumps(
        {"device_id": row["device_id"], "csr_path": "gone.csr"}
    ).encode(),
    "file elsewhere": lambda row, _first: json.dumps(
        {"device_id": row["device_id"], "csr_path": "../../etc/passwd"}
    ).encode(),
    "CSR changed": lambda row, _first: _changed(row),
    "no PEM": lambda row, _first: json.dumps({**row, "csr": "MIIB"}).encode(),
    "bad name": lambda row, _first: json.dumps({**row, "device_id": "a device"}).encode(),
    "long name": lambda row, _first: json.dumps({**row, "device_id": "d" * 65}).encode(),
    "another's CSR": lambda row, _first: json.dumps({**row, "device_id": "other"}).encode(),
    "unknown field": lambda row, _first: json.dumps({**row, "colour": "red"}).encode(),
    "no text": lambda row, _first: json.dumps({**row, "device_id": 7}).encode(),
    "first row again": lambda _row, first: json.dumps(first).encode(),
}


def spoil(source: Path, target: Path, bad: dict[int, str]) -> None:
    """The manifest with the rows of these numbers made bad."""
    with source.open("rb") as lines, target.open("wb") as spoilt:
        first: Row | None = None
        for number, line in enumerate(lines, start=1):
            first = first or json.loads(line)
            kind = bad.get(number)
            spoilt.write(KINDS[kind](json.loads(line), first) + b"\n" if kind else line)


def measured(size: int, percent: float, folder: Path) -> dict[str, Any]:
    """Spoilt, certified, compared."""
    draw = random.Random(SEED)
    count = max(len(KINDS), round(size * percent / 100))
    # the last row repeats the first: as far apart as can be
    numbers = [size, *draw.sample(range(2, size), count - 1)]
    kinds = ["first row again", *(list(KINDS) * count)[: count - 1]]
    # one line of 10 MB is enough
    kinds = [
        kind if kind != "10 MB" or kinds.index(kind) == at else "too long"
        for at, kind in enumerate(kinds)
    ]
    bad = dict(zip(numbers, kinds, strict=True))
    manifest = folder / "manifest.jsonl"
    spoil(fleet.manifest(size), manifest, bad)
    done = run(manifest, folder)
    refused = {
        outcome.row: outcome.reason
        for outcome in read_report(LocalFolder(folder / "out"), REPORT)
        if outcome.outcome == "refused"
    }
    return {
        "devices": size,
        "bad": len(bad),
        "kinds": dict(Counter(bad.values())),
        "counts": done.counts,
        "seconds": round(done.seconds, 1),
        "bad_rows_not_refused": sorted(bad.keys() - refused.keys()),
        "good_rows_refused": sorted(refused.keys() - bad.keys()),
        "reasons": sorted({f"{bad[row]}: {reason}"[:110] for row, reason in refused.items()})[:40],
    }


def main() -> None:
    """Print what was found; exit code 1 where the report is not right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--bad-percent", type=float, default=0.1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bad-", dir=fleet.manifest(1).parent))
    try:
        found = measured(options.devices, options.bad_percent, folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(found, indent=2))
    raise SystemExit(bool(found["bad_rows_not_refused"] or found["good_rows_refused"]))


if __name__ == "__main__":
    main()
