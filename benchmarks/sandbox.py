"""How fast the sandbox itself is, so that it is never what is measured at AWS's quotas.

    python benchmarks/sandbox.py [--certificates 1000] [--things 2000]

Certificates a second that a plain client of 32 threads beside it issues and fetches, and the
milliseconds of IoT's look-ups with few things and with many. For the size of the table:
--certificates 5000 --things 20000.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fleet
from trial import issue_plainly, trial

THREADS = 32
FEW = 100
LOOKS = 200


def look_ups(iot: Any, count: int) -> dict[str, float]:
    """Milliseconds, in the median, of look-ups spread over the things."""
    step = max(1, count // LOOKS)
    looks: dict[str, Callable[[str], Any]] = {
        "DescribeThing": lambda name: iot.describe_thing(thingName=name),
        "ListThingPrincipals": lambda name: iot.list_thing_principals(thingName=name),
        "ListThings": lambda _name: iot.list_things(maxResults=10),
    }
    return {
        action: round(
            statistics.median(_milliseconds(look, thing(at)) for at in range(0, count, step)), 2
        )
        for action, look in looks.items()
    }


def thing(number: int) -> str:
    """A thing's name."""
    return f"thing-{number:06d}"


def _milliseconds(look: Callable[[str], Any], name: str) -> float:
    began = time.perf_counter()
    look(name)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--certificates", type=int, default=1_000)
    parser.add_argument("--things", type=int, default=2_000)
    options = parser.parse_args()
    with fleet.manifest(options.certificates).open() as lines:
        csrs = [json.loads(line)["csr"].encode() for line in lines]
    with trial() as ready:
        seconds = issue_plainly(ready, csrs[: options.certificates], threads=THREADS)
        iot = ready.client("iot")

        def make(number: int) -> None:
            iot.create_thing(thingName=thing(number))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(make, range(FEW)))
            few = look_ups(iot, FEW)
            list(pool.map(make, range(FEW, options.things)))
        many = look_ups(iot, options.things)
    measured = {
        "certificates": options.certificates,
        "certificates_per_second": round(options.certificates / seconds, 1),
        f"milliseconds_with_{FEW}_things": few,
        f"milliseconds_with_{options.things}_things": many,
    }
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
