"""`birthcert issue` against a plain boto3 loop of 32 threads, on one sandbox, turn by turn.

    python benchmarks/against_boto3.py [--devices 2000] [--rounds 2] [--layout bundle]

The loop issues and fetches, and has no ledger, no files and no Prefect. Prints certificates a
second of both (of the batch itself: Prefect's start is not counted, its tasks are), their ratio
as a median over the rounds, and GetCertificate calls for each certificate with `--delay 1 3`,
which makes the sandbox take so many seconds for each.
"""

import argparse
import json
import statistics
from typing import Any

import fleet
from trial import Trial, issue_plainly, trial

THREADS = 32


def one_round(trial: Trial, size: int, number: int, layout: str) -> dict[str, Any]:
    """Both, one after the other; in every second round ours is first."""
    manifest = fleet.manifest(size)
    with manifest.open() as lines:
        csrs = [json.loads(line)["csr"].encode() for line in lines]
    sides = {
        "plain": lambda: size / issue_plainly(trial, csrs, threads=THREADS),
        "birthcert": lambda: _ours(trial, size, number, layout),
    }
    order = list(sides) if number % 2 else list(sides)[::-1]
    return {side: round(sides[side](), 1) for side in order}


def _ours(trial: Trial, size: int, number: int, layout: str) -> float:
    # a state folder of its own: the same devices are to be bought again
    state = {"BIRTHCERT_STATE_FOLDER": str(trial.folder / f"state-{number}")}
    apart = Trial(
        trial.folder, {**trial.environment, **state}, trial.endpoint_url, trial.authority_arn
    )
    options = ("--threads", str(THREADS), "--layout", layout)
    report = apart.issue(fleet.manifest(size), f"out-{number}", *options)
    assert report["issued"] == size, report
    return float(report["certificates_per_second"])


def gets_per_certificate(trial: Trial, size: int, delay: list[float]) -> float:
    """GetCertificate calls for each certificate where AWS takes its time."""
    before = _gets(trial)
    trial.set_knobs(issuance_seconds=delay)
    _ours(trial, size, 0, "bundle")
    return round((_gets(trial) - before) / size, 3)


def _gets(trial: Trial) -> int:
    count: dict[str, int] = trial.calls().get("acm-pca.GetCertificate", {})
    return sum(count.values())


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--layout", choices=["files", "bundle"], default="bundle")
    parser.add_argument("--delay", type=float, nargs=2, metavar=("LEAST", "MOST"))
    options = parser.parse_args()
    with trial() as ready:
        rounds = [
            one_round(ready, options.devices, number, options.layout)
            for number in range(1, options.rounds + 1)
        ]
        ratios = [each["birthcert"] / each["plain"] for each in rounds]
        measured: dict[str, Any] = {
            "devices": options.devices,
            "certificates_per_second": rounds,
            "ratio": round(statistics.median(ratios), 3),
        }
        if options.delay:
            gets = gets_per_certificate(ready, options.devices, options.delay)
            measured["get_certificate_calls_each"] = gets
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
