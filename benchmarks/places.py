"""A batch over two places against the same batch in one, each place with a quota of its own.

    python benchmarks/places.py [--devices 1000] [--rate 25] [--burst-seconds 1]

A sandbox in a process of its own enforces the quota of IssueCertificate in each account and
region. `birthcert issue` certifies the devices in one region, then `birthcert fleet` as many more
in two others: a fleet leaves devices where they are certified. Prints one JSON document:
certificates a second over the time of the batch, of two side by side the slower one's, and the
ratio; `command_seconds` has all the rest too.
"""

import argparse
import json
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import fleet
from trial import TENANT, Trial, trial

ONE, TWO = "eu-west-1", ("eu-central-1", "us-east-1")
ISSUE = "acm-pca.IssueCertificate"


def bootstrap(lab: Trial, region: str) -> None:
    """A CA on P-256 in one more region."""
    where = ("--tenant", TENANT, "--region", region)
    lab.birthcert("bootstrap", *where, "--no-canary", "--key-algorithm", "EC_prime256v1")


def bought(lab: Trial) -> int:
    """Calls of IssueCertificate that were answered."""
    return int(lab.calls().get(ISSUE, {}).get("ok", 0))


def measured(lab: Trial, command: str, *arguments: str) -> dict[str, Any]:
    """A command's report, with what was bought and throttled."""
    before, throttled = bought(lab), lab.calls().get(ISSUE, {}).get("ThrottlingException", 0)
    began = time.perf_counter()
    report = lab.birthcert(command, "--tenant", TENANT, *arguments)
    after = lab.calls()[ISSUE]
    return {
        "issued": report["issued"],
        "bought": after["ok"] - before,
        "throttled": after.get("ThrottlingException", 0) - throttled,
        "batch_seconds": seconds_of(report),
        "command_seconds": round(time.perf_counter() - began, 1),
        "certificates_per_second": round(report["issued"] / seconds_of(report), 2),
    }


def halves(devices: int, folder: Path) -> list[str]:
    """Two manifests of so many devices each, no device in both."""
    with fleet.manifest(2 * devices).open() as lines:
        paths = [folder / name for name in ("first.jsonl", "second.jsonl")]
        for path in paths:
            path.write_text("".join(islice(lines, devices)))
    return [str(path) for path in paths]


def seconds_of(report: dict[str, Any]) -> float:
    """Of the batch; of several side by side, the slowest's."""
    return float(
        max(each["batch"]["seconds"] for each in report.get("places", [{"batch": report}]))
    )


def main() -> None:
    """One place, two places, the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=25.0)
    parser.add_argument("--burst-seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    with trial() as lab, tempfile.TemporaryDirectory(prefix="places-") as out:
        first, second = halves(arguments.devices, Path(out))
        for region in TWO:
            bootstrap(lab, region)
        quota = {ISSUE: arguments.rate}
        lab.set_knobs(quotas_per_second=quota, quota_burst_seconds=arguments.burst_seconds)
        # named, for the ledger still has what Service Quotas said before
        pace = ("--rate-per-second", str(arguments.rate))
        files = ("--layout", "bundle", *pace, "--manifest")
        one = measured(
            lab, "issue", "--region", ONE, "--out", str(Path(out) / "one"), *files, first
        )
        places = (word for region in TWO for word in ("--place", region))
        two = measured(lab, "fleet", *places, "--out", str(Path(out) / "two"), *files, second)
    faster = two["certificates_per_second"] / one["certificates_per_second"]
    facts = {**vars(arguments), "one_place": one, "two_places": two, "ratio": round(faster, 2)}
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
