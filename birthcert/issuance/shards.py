"""A manifest in shards: ranges of its rows, each for a run of its own."""

from collections.abc import Iterable, Iterator
from typing import Final

from birthcert.errors import UnusableInput
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.models import Shard

# a run's parameters may be 512 KiB at Prefect's server
REPEATED_AT_MOST: Final = 4_000


def shards_of(rows: Iterable[Device | DeviceOutcome], size: int) -> Iterator[Shard]:
    """The ranges of `size` rows, the last one shorter, each as soon as its rows are known.

    A row that repeats one of an earlier shard is named with the reason: a shard's own run sees
    only its own rows. UnusableInput for a shard with more of them than a run can be told of.
    """
    first = last = devices = 0
    repeated: dict[int, str] = {}
    for row in rows:
        first, last, devices = first or row.row, row.row, devices + 1
        if isinstance(row, DeviceOutcome) and row.repeats is not None and row.repeats < first:
            repeated[row.row] = row.reason
        if devices == size:
            yield _shard(first, last, devices, repeated)
            first, devices, repeated = 0, 0, {}
    if devices:
        yield _shard(first, last, devices, repeated)


def _shard(first: int, last: int, devices: int, repeated: dict[int, str]) -> Shard:
    if len(repeated) > REPEATED_AT_MOST:
        raise UnusableInput(
            f"more than {REPEATED_AT_MOST:,} of the rows {first} to {last} repeat earlier ones",
            remedy="correct the manifest, or run it without shards",
            first=first,
            last=last,
        )
    return Shard(first=first, last=last, devices=devices, repeated=repeated)
