"""A chunk of devices as one task; the batch that the chunks belong to."""

import threading

from prefect import task
from prefect.cache_policies import NO_CACHE

from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.issuance.crew import Crew
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.engine import issue_chunk as certify
from birthcert.issuance.job import IssueOptions
from birthcert.issuance.output import OutputFolder
from birthcert.issuance.readiness import ReadyEstimate
from birthcert.models import IssueRequest, IssuingAuthority, Place
from tasks.access import aws_in, ledger
from tasks.steps import told, worth_a_new_try

# what is known of AWS's speed outlives a batch
ESTIMATE = ReadyEstimate()


@task(
    task_run_name="issue chunk {number} · {request.tenant} · {place.region}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=worth_a_new_try,
)
@told
def issue_chunk(
    request: IssueRequest,
    place: Place,
    authority: IssuingAuthority,
    *,
    batch_id: int,
    number: int,
    devices: list[Device],
    out: OutputFolder,
    crew: Crew,
    stop: threading.Event,
) -> list[DeviceOutcome]:
    """Certificates for a chunk of devices, in their order; what a crash left is gone on with."""
    return certify(
        devices,
        authority=PrivateCaIssuer(
            aws_in(place.region, request.account_block), authority, place.partition
        ),
        ledger=ledger(),
        batch_id=batch_id,
        options=IssueOptions(template=request.template, validity_days=request.validity_days),
        outlet=out.outlet(number),
        crew=crew,
        stop=stop,
    )
