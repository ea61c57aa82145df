"""What the shards of a batch have done, added up."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from birthcert.errors import UnusableInput
from birthcert.issuance.batch import COUNTS, manifest_label
from birthcert.issuance.devices import DeviceOutcome
from birthcert.issuance.output import OutputFolder, read_report
from birthcert.ledger.ledger import Ledger
from birthcert.models import IssueRequest, Shard


def merged(out: OutputFolder, shards: Sequence[Shard]) -> Iterator[DeviceOutcome]:
    """The outcomes of all shards, in the manifest's order.

    UnusableInput where a shard found other rows than the run that handed it out.
    """
    for shard in shards:
        found = 0
        for outcome in read_report(out.folder, out.report_of(shard)):
            found += 1
            yield outcome
        if found != shard.devices:
            raise UnusableInput(
                f"rows {shard.label} were {shard.devices} devices when they were handed out, "
                f"and {found} when they were certified: the manifest changed",
                remedy="run the same command again",
                first=shard.first,
                last=shard.last,
            )


def counts_of_shards(
    ledger: Ledger,
    request: IssueRequest,
    out: OutputFolder,
    shards: Sequence[Shard],
    since: datetime,
) -> dict[str, int]:
    """Devices by outcome, as far as the shards' batches that began since then have noted it.

    Of a shard that was run again, the attempt that came further counts.
    """
    labels = {manifest_label(request.model_copy(update={"shard": shard})) for shard in shards}
    furthest: dict[str, Counter[str]] = {}
    for batch in ledger.batches(tenant=request.tenant):
        if batch.manifest in labels and batch.out == out.address and batch.started_at >= since:
            counts = Counter({name: getattr(batch, name) for name in COUNTS})
            known = furthest.get(batch.manifest, Counter())
            furthest[batch.manifest] = max(known, counts, key=Counter.total)
    total = sum(furthest.values(), Counter())
    return {name: total[name] for name in COUNTS}
