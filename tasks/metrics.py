"""What the tasks of a process count for Prometheus; nothing unless a folder is set for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from birthcert.limits import default_quota_per_second
from birthcert.metrics.meters import Meters
from birthcert.metrics.textfile import Textfile
from birthcert.models import CertificateAuthority, Place, WhereRequest
from birthcert.settings import load_settings


@lru_cache(maxsize=1)
def meters() -> Meters | None:
    """The meters of this process, written down as they grow and when the process ends."""
    folder = load_settings().metrics_folder
    if folder is None:
        return None
    made = Meters()
    Textfile(folder, made.registry).keep()
    return made


def device_counter(request: WhereRequest, place: Place) -> Callable[[str], None]:
    """Count a device by its outcome, as a batch is told of it."""
    counting = meters()
    if counting is None:
        return lambda _outcome: None
    return lambda outcome: counting.device(request.tenant, place.name, outcome)


def counted_limit(place: Place, action: str, found: float | None) -> float | None:
    """What Service Quotas said, which is AWS's default where it said nothing; passed on."""
    limit = found or default_quota_per_second(action)
    if limit and (counting := meters()):
        counting.quota(place.name, action, limit)
    return found


def count_authority(request: WhereRequest, place: Place, authority: CertificateAuthority) -> None:
    """The end of the CA that issues."""
    if counting := meters():
        ends = datetime.fromisoformat(authority.not_after)
        counting.authority(request.tenant, place.name, ends)


def count_canary(request: WhereRequest, place: Place) -> None:
    """A canary has passed just now."""
    if counting := meters():
        counting.canary_passed(request.tenant, place.name, datetime.now(UTC))
