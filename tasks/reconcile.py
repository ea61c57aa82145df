"""Steps of a reconciliation: the CA's audit report, the comparison, what follows from it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from birthcert.aws import audit_report, registration
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.canary import bird as canary
from birthcert.models import (
    AuditReport,
    CertificateAuthority,
    Discrepancy,
    Place,
    ReconcileRequest,
)
from birthcert.reconciliation.audit_rows import read_rows
from birthcert.reconciliation.comparison import Books, Comparison, compare
from birthcert.reconciliation.correcting import correct
from birthcert.reconciliation.matching import ours
from birthcert.reconciliation.repair import repair
from tasks.access import aws_in, ledger, storage_for
from tasks.steps import shown, step, told, worth_a_new_try

P = ParamSpec("P")
R = TypeVar("R")


def unkept(title: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task whose result may be large and is of use to this run alone."""

    def decorate(function: Callable[P, R]) -> Task[P, R]:
        made: Callable[[Callable[P, R]], Task[P, R]] = task(
            task_run_name=shown(title, function),
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=2,
            retry_delay_seconds=[5, 30],
            retry_condition_fn=worth_a_new_try,
        )
        return made(told(function))

    return decorate


@step("find audited authority", cached=False)
def find_audited_authority(request: ReconcileRequest, place: Place) -> CertificateAuthority:
    """The CA whose certificates are compared; it may be disabled."""
    return audit_report.audited_authority(
        aws_in(place.region, request.account_block), request, place
    )


@step("make audit report", cached=False)
def make_audit_report(
    request: ReconcileRequest, place: Place, authority: CertificateAuthority
) -> AuditReport:
    """Private CA's list of what it has issued, in the user's bucket."""
    return audit_report.make_audit_report(
        aws_in(place.region, request.account_block), authority.arn, request.bucket
    )


@unkept("compare with ledger")
def compare_with_ledger(
    request: ReconcileRequest, place: Place, authority: CertificateAuthority, audited: AuditReport
) -> Comparison:
    """The report against the ledger, in both directions."""
    aws = aws_in(place.region, request.account_block)
    with audit_report.downloaded(aws, audited) as file:
        rows = partial(read_rows, file, authority.arn)
        own = ours(
            rows(),
            authority_pem=authority.certificate_pem,
            verification_arn=registration.verification_arn(aws, authority),
            registration_code=lambda: registration.get_registration_code(aws).code,
            canary_prefix=canary.PREFIX,
        )
        books = Books(
            authority_arn=authority.arn,
            rows=rows,
            as_of=audited.as_of,
            ours=own,
            get=PrivateCaIssuer(aws, authority, place.partition).get,
            threads=request.threads,
        )
        return compare(books, ledger(), place, now=datetime.now(UTC))


@unkept("correct ledger")
def correct_ledger(
    request: ReconcileRequest, place: Place, authority: CertificateAuthority, found: Comparison
) -> list[Discrepancy]:
    """What AWS has is adopted, what it has not is asked for again; in a dry run only told."""
    if not request.dry_run:
        ledger().own_book.remember(request.tenant, place, authority.arn, found.own)
    return correct(ledger(), found, dry_run=request.dry_run)


@unkept("repair outputs")
def repair_outputs(
    request: ReconcileRequest, place: Place, authority: CertificateAuthority
) -> list[Discrepancy]:
    """Files that are not in their batch's folder, written again; in a dry run only told."""
    get = PrivateCaIssuer(
        aws_in(place.region, request.account_block), authority, place.partition
    ).get
    return repair(
        ledger(),
        place,
        authority.arn,
        get,
        storage=storage_for(request, place),
        threads=request.threads,
        dry_run=request.dry_run,
    )
