"""What all tasks of a process share: a way to AWS for each region, and the ledger."""

from functools import lru_cache

from birthcert.aws.access import AwsAccess
from birthcert.aws.caller import resolve_region
from birthcert.aws.service_quotas import quota_per_second
from birthcert.interrupts import asked_to_end
from birthcert.ledger.ledger import Ledger
from birthcert.ledger.quotas import Asked
from birthcert.models import (
    BatchRequest,
    BootstrapRequest,
    CertificateAuthority,
    Place,
    WhereRequest,
)
from birthcert.pacing import Pacer
from birthcert.settings import load_settings
from birthcert.storage.stores import Storage
from blocks.aws_account import load_account
from tasks.metrics import counted_limit, meters


@lru_cache(maxsize=64)
def aws_in(region: str, account_block: str | None = None) -> AwsAccess:
    """The way to AWS in a region, with this machine's settings.

    The credentials are those of the named AWS Account block; without one, this machine's own.
    """
    settings, counting = load_settings(), meters()
    return AwsAccess(
        region,
        session=load_account(account_block).get_session(region) if account_block else None,
        retry_seconds=settings.retry_seconds,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        read_timeout_seconds=settings.read_timeout_seconds,
        ending=asked_to_end,
        observe=counting.call if counting else None,
    )


def aws_of(authority: CertificateAuthority, request: BootstrapRequest) -> AwsAccess:
    """The way to the CA itself, which stands elsewhere where the request is of a further place."""
    return aws_in(authority.region, request.authority_block())


def storage_for(request: WhereRequest, place: Place) -> Storage:
    """Folders of this machine, and S3 with the credentials that the request works with."""
    return Storage(aws_in(place.region, request.account_block))


def region_of(request: WhereRequest) -> str:
    """The region of the request, else of its account block, else this machine's own."""
    if request.account_block and not request.region:
        region = load_account(request.account_block).region
        request = request.model_copy(update={"region": region})
    return resolve_region(request)


def share_quotas(request: WhereRequest, place: Place) -> None:
    """Pace this run's calls in the place together with all who have the same ledger."""
    aws, asked = aws_in(place.region, request.account_block), Asked()
    if isinstance(request, BatchRequest):
        asked = Asked(request.rate_per_second, request.quota_share)

    def limit_of(action: str) -> float | None:
        return counted_limit(place, action, quota_per_second(aws, action))

    aws.pacer = Pacer(place, ledger().quota_book, limit_of=limit_of, asked=asked)


@lru_cache(maxsize=1)
def ledger() -> Ledger:
    """The ledger of the settings, opened and brought forward."""
    settings = load_settings()
    return Ledger.open(settings.ledger_url, settings.state_folder)
