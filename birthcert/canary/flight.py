"""A canary's flight: provisioned, dropped, connected, heard, looked at, taken away [25, 26, 32]."""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.device_cleanup import remove_device, revoke
from birthcert.aws.devices import find_device_certificate
from birthcert.canary.airborne import Airborne, is_hopeless, refusal
from birthcert.canary.bird import PREFIX, Bird, hatch
from birthcert.canary.checklist import Checklist, Skipped
from birthcert.canary.provisioned import prove_certificate, prove_policies, prove_thing
from birthcert.canary.records import Records, Traces
from birthcert.device.connection import open_connection
from birthcert.device.dialling import NotDialled, Schedule, dial
from birthcert.device.target import Target, why_unreachable
from birthcert.errors import AwsCallFailed
from birthcert.models import CanaryReport, IssuingAuthority, Place

DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedException"})


class Flight:
    """One flight for a tenant's CA; `fly` it once.

    `bought` is told the ARN of the certificate, as soon as it is there.
    """

    _airborne: Airborne

    def __init__(
        self,
        aws: AwsAccess,
        place: Place,
        authority: IssuingAuthority,
        target: Target,
        *,
        tenant: str,
        topic_namespace: str,
        records: Records,
        bought: Callable[[str], None] = lambda _arn: None,
        schedule: Schedule | None = None,
    ) -> None:
        self._aws, self._place, self._authority = aws, place, authority
        self._target, self._records, self._bought = target, records, bought
        self._tenant, self._topic_namespace = tenant, topic_namespace
        self._schedule = schedule or Schedule()
        self._checklist = Checklist()
        self._bird: Bird | None = None
        self._attempts = 0

    def fly(self) -> CanaryReport:
        """Check after check; one that the rest stands on ends the flight when it fails.

        Whatever happens, what the canary made is taken away again, and so is what earlier ones
        left whose process died.
        """
        started, prove = time.monotonic(), self._checklist.prove
        self._remove_abandoned()
        if prove("endpoint reachable", self._reach) and prove("certificate issued", self._hatch):
            self._fly_recorded()
        bird = self._bird
        return CanaryReport(
            arn=bird.certificate_arn if bird else "",
            tenant=self._tenant,
            account=self._place.account,
            region=self._place.region,
            thing_name=bird.client_id if bird else "",
            certificate_id=bird.identity.certificate_id if bird else "",
            endpoint=str(self._target),
            attempts=self._attempts,
            checks=self._checklist.checks,
            seconds=round(time.monotonic() - started, 3),
        )

    def _remove_abandoned(self) -> None:
        with self._records.abandoned() as left_over:
            for each in left_over:
                if self._remove(each.traces, f"leftover {each.traces.name} "):
                    each.forget()

    def _reach(self) -> str:
        failure = why_unreachable(self._target)
        if failure is not None:
            raise failure
        return str(self._target)

    def _hatch(self) -> str:
        name = PREFIX + secrets.token_hex(8)
        self._bird = hatch(self._aws, self._place, self._authority, name)
        self._bought(self._bird.certificate_arn)
        return self._bird.certificate_arn

    def _fly_recorded(self) -> None:
        assert self._bird is not None
        bird = self._bird
        with self._records.holding(bird.traces) as forget:
            try:
                self._prove_all(bird)
            finally:
                if self._remove(bird.traces):
                    forget()

    def _prove_all(self, bird: Bird) -> None:
        prove, aws = self._checklist.prove, self._aws
        with ExitStack() as connections:
            if not prove("connected", lambda: self._connect(bird, connections)):
                return
            topic = f"{self._topic_namespace}/{bird.client_id}/canary"
            airborne = self._airborne
            if prove("message published", lambda: airborne.publish(topic)):
                prove("own message received", lambda: airborne.receive(topic))
        prove("certificate ACTIVE", lambda: prove_certificate(aws, bird))
        prove("thing made", lambda: prove_thing(aws, bird))
        prove("policy attached", lambda: prove_policies(aws, bird))

    def _connect(self, bird: Bird, connections: ExitStack) -> str:
        try:
            dialled = dial(
                lambda: open_connection(self._target, bird.identity, bird.client_id, "mqtt5"),
                schedule=self._schedule,
                is_hopeless=lambda: is_hopeless(self._aws, self._place, bird),
            )
        except NotDialled as failure:
            self._attempts = failure.attempts
            raise refusal(self._aws, self._place, bird, failure) from failure
        connections.callback(dialled.connection.close)
        self._attempts = dialled.attempts
        self._airborne = Airborne(self._aws, self._place, bird, dialled.connection)
        if dialled.attempts > 1:
            drop = dialled.first_attempt_seconds
            self._checklist.note("provisioned", "then dropped, as AWS IoT does", drop)
        return f"at try {dialled.attempts}"

    def _remove(self, traces: Traces, label: str = "") -> bool:
        """Whether nothing of it is left in AWS IoT."""
        removed = self._checklist.prove(f"{label}taken away", lambda: _take_away(self._aws, traces))
        self._checklist.prove(f"{label}revoked", lambda: _revoke(self._aws, traces))
        return removed


def _take_away(aws: AwsAccess, traces: Traces) -> str:
    certificate = find_device_certificate(aws, traces.certificate_id)
    if certificate is not None and certificate.ca_certificate_id != traces.ca_certificate_id:
        raise Skipped(f"certificate {traces.certificate_id} is another CA's")
    remove_device(aws, traces.certificate_id, traces.thing_name)
    return f"certificate and thing {traces.thing_name}"


def _revoke(aws: AwsAccess, traces: Traces) -> str:
    try:
        revoke(aws, traces.authority_arn, traces.serial_number)
    except AwsCallFailed as error:
        if error.code in DENIED:
            raise Skipped(f"{error.what}: it expires within a day by itself") from error
        raise
    return traces.serial_number
