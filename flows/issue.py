"""Certify the devices of a manifest: CSRs in, certificates and report.csv out.

Needs a tenant that is bootstrapped. Devices go in chunks, a task each; every intent and every
ARN is written to the ledger, so that a run after a crash buys nothing twice. The keys stay on the
devices; test fleets may have theirs made here, encrypted, with a passphrase from a file or the
environment and never from a parameter.
"""

from contextlib import closing

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from birthcert.issuance.batch import Batch, checked_rows
from birthcert.issuance.helper import Helper
from birthcert.issuance.layout import laid_out
from birthcert.issuance.output import prepare_output
from birthcert.issuance.reading import reader_for
from birthcert.models import IssueReport, IssueRequest
from flows.approval import agree_on_price
from flows.chunks import CHUNKS_IN_FLIGHT, certified
from flows.progress import reported, told
from flows.runbook import Runbook
from flows.shards import certified_in_shards, wants_shards
from tasks.access import ledger, storage_for
from tasks.authority import find_issuing_authority
from tasks.caller import check_caller
from tasks.metrics import device_counter


@flow(
    name="issue",
    flow_run_name="issue · {request.title}",
    task_runner=ThreadPoolTaskRunner(max_workers=CHUNKS_IN_FLIGHT),  # type: ignore[arg-type]
)
def issue(request: IssueRequest) -> IssueReport:
    """Check every row, certify what can be, and report the rest with its reason."""
    run = Runbook()
    place = run(check_caller, request).place
    storage = storage_for(request, place)
    prepared = prepare_output(request.out, request.shard, storage=storage)
    authority = run(find_issuing_authority, request, place)
    agree_on_price(request, place, authority)
    with Helper() as helper:
        out = laid_out(request, prepared, helper, storage=storage)
        if wants_shards(request, storage):
            return reported(request, place, certified_in_shards(request, place, authority, out))
        read = reader_for(request, place, authority.arn, ledger(), out.helper)
        rows = checked_rows(request, authority.template_body or None, read=read, storage=storage)
        count = device_counter(request, place)
        with (
            Batch(request, place, authority, ledger=ledger(), out=out, count=count) as batch,
            told(request, place, batch),
            closing(
                certified(
                    request,
                    place,
                    authority,
                    batch_id=batch.id,
                    rows=rows,
                    out=out,
                    collected=batch.say,
                )
            ) as outcomes,
        ):
            batch.record(outcomes)
    return reported(request, place, batch)
