"""What is counted: devices, calls to AWS, quotas, the ends of CAs, proofs by canary."""

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from birthcert import limits
from birthcert.logs import current_work

# a call takes AWS some ten milliseconds; it is given up after 30 s by default
BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PLACE: Final = ("tenant", "place")
_CALL: Final = ("place", "service", "action")


class Meters:
    """The meters of a process, in a registry of their own; safe for many threads.

    A place is `aws:ACCOUNT:REGION`; moments are seconds since 1970.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._devices = Counter(
            "birthcert_devices",
            "Devices that a batch was done with: issued, existing, refused or failed.",
            (*_PLACE, "outcome"),
            registry=self.registry,
        )
        self._calls = Histogram(
            "birthcert_aws_call_seconds",
            "Tries of calls to AWS: ok, throttled, refused, unavailable or unreachable.",
            (*_CALL, "outcome"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._quotas = Gauge(
            "birthcert_aws_quota_per_second",
            "Calls a second that AWS allows in the place.",
            _CALL,
            registry=self.registry,
        )
        self._authorities = Gauge(
            "birthcert_authority_not_after_timestamp_seconds",
            "End of the CA that issues to the tenant's devices.",
            _PLACE,
            registry=self.registry,
        )
        self._canaries = Gauge(
            "birthcert_canary_passed_timestamp_seconds",
            "When a canary of the tenant last passed.",
            _PLACE,
            registry=self.registry,
        )

    def device(self, tenant: str, place: str, outcome: str) -> None:
        """A device is done with, in this batch."""
        self._devices.labels(tenant, place, outcome).inc()

    def call(self, service: str, action: str, outcome: str, seconds: float) -> None:
        """AWS was asked once, for what this thread works on."""
        place = current_work().place
        self._calls.labels(place, service, action, outcome).observe(seconds)
        limit = limits.default_quota_per_second(f"{service}.{action}")
        if limit is not None and f"{service}.{action}" not in limits.SERVICE_QUOTAS:
            self._quotas.labels(place, service, action).set(limit)

    def quota(self, place: str, action: str, per_second: float) -> None:
        """AWS was asked what `service.Action` may be called in a second."""
        service, _, name = action.partition(".")
        self._quotas.labels(place, service, name).set(per_second)

    def authority(self, tenant: str, place: str, not_after: datetime) -> None:
        """The CA that issues was looked at."""
        self._authorities.labels(tenant, place).set(not_after.timestamp())

    def canary_passed(self, tenant: str, place: str, at: datetime) -> None:
        """A canary came back."""
        self._canaries.labels(tenant, place).set(at.timestamp())
