"""The one way to AWS: clients of a region, calls with judgement, errors that carry facts."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from birthcert.aws.failures import call_failed, no_credentials, one_line, unreachable
from birthcert.aws.retries import (
    THROTTLED,
    Patience,
    delay_seconds,
    outcome_of,
    patience_for,
)
from birthcert.aws.turns import Pacer
from birthcert.errors import AwsCallFailed, AwsUnreachable, BirthcertError, ConfigurationError
from birthcert.logs import facts_of
from birthcert.models import QuotaUse

log = logging.getLogger(__name__)
SANDBOX_HEADER = "x-birthcert-sandbox"
# a sandbox's answer to DescribeEndpoint: AWS's endpoint needs neither
DEVICE_PORT_HEADER = "x-birthcert-sandbox-device-port"
SERVER_CA_HEADER = "x-birthcert-sandbox-server-ca"
NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
UNREACHABLE_SECONDS = 10.0
# told of each try: service, action, outcome (ok, or as outcome_of has it, or unreachable), seconds
Observe = Callable[[str, str, str, float], None]


class AwsAccess:
    """Calls AWS in one region with the credentials of the standard boto3 chain; thread-safe.

    `retry_seconds` bounds how long a throttled or dropped call is tried again; once `ending` is
    set none is. Each try waits for its turn with `pacer`, where one is set. `tries` counts them
    by `service.Action`, `throttled` the throttled answers seen so far. `observe` is told of
    every try that reached out for AWS.
    """

    def __init__(
        self,
        region: str,
        *,
        session: boto3.Session | None = None,
        retry_seconds: float = 120.0,
        connect_timeout_seconds: float = 5.0,
        read_timeout_seconds: float = 30.0,
        connections: int = 128,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        ending: threading.Event | None = None,
        observe: Observe | None = None,
    ) -> None:
        self.region = region
        self.pacer: Pacer | None = None
        self.tries: Counter[str] = Counter()
        self.throttled = 0
        self._session = session or _session_in(region)
        self._retry_seconds = retry_seconds
        self._ending = ending or threading.Event()
        self._clock, self._sleep, self._draw = clock, sleep or self._ending.wait, random.Random()
        self._observe = observe
        self._config = Config(
            region_name=region,
            retries={"total_max_attempts": 1},
            connect_timeout=connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            max_pool_connections=connections,
            user_agent_extra="birthcert",
        )
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def call(
        self, service: str, action: str, *, also: tuple[Patience, ...] = (), **parameters: Any
    ) -> dict[str, Any]:
        """The answer of `service:Action`, tried again where that is worth it.

        `also` are errors that pass by themselves in the caller's situation.
        Raises AwsCallFailed with AWS's own code and message, AwsUnreachable where no answer
        came, ConfigurationError where there are no credentials.
        """
        method = getattr(self._client(service), xform_name(action))
        started = until = 0.0
        failures: list[AwsCallFailed | AwsUnreachable] = []
        while True:
            self._take_turn(f"{service}.{action}", failures)
            if not failures:
                started = self._clock()
            elif self._ending.is_set() or self._clock() > until:
                raise failures[-1]
            try:
                return self._try(method, service, action, parameters)
            except (AwsCallFailed, AwsUnreachable) as failure:
                failures.append(failure)
                delay = delay_seconds(len(failures), self._draw)
                until = started + self._patience(failures, also)
                if self._ending.is_set() or self._clock() + delay > until:
                    raise
                reason, facts = failure.what, facts_of(failure)
            log.warning(
                "trying %s:%s again in %.1f s: %s", service, action, delay, reason, extra=facts
            )
            self._sleep(delay)

    def count_anew(self) -> None:
        """Let `tries` and `throttled` count from now on."""
        with self._lock:
            self.tries.clear()
            self.throttled = 0

    def quota_use(self, others: Mapping[str, int], seconds: float) -> tuple[QuotaUse, ...]:
        """How much of its quotas was used in this time, with the tries of other processes."""
        with self._lock:
            tries = self.tries + Counter(others)
        return self.pacer.use(tries, seconds) if self.pacer else ()

    def _take_turn(self, name: str, failures: list[AwsCallFailed | AwsUnreachable]) -> None:
        """Wait until a try may start; where that fails, the try before it was the last."""
        try:
            if self.pacer:
                self.pacer.wait(name, self._ending)
        except BirthcertError as error:
            if failures:
                raise failures[-1] from error
            raise

    def _try(
        self,
        method: Callable[..., dict[str, Any]],
        service: str,
        action: str,
        parameters: dict[str, Any],
    ) -> dict[str, Any]:
        with self._lock:
            self.tries[f"{service}.{action}"] += 1
        if self._observe is None:
            return self._try_once(method, service, action, parameters)
        began, outcome = time.perf_counter(), ""
        try:
            answer = self._try_once(method, service, action, parameters)
            outcome = "ok"
        except AwsCallFailed as failure:
            outcome = outcome_of(failure.code, failure.status)
            raise
        except AwsUnreachable:
            outcome = "unreachable"
            raise
        finally:
            if outcome:
                self._observe(service, action, outcome, time.perf_counter() - began)
        return answer

    @staticmethod
    def _try_once(
        method: Callable[..., dict[str, Any]], service: str, action: str, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            answer = method(**parameters)
        except ClientError as error:
            raise call_failed(service, action, error) from error
        except NO_CREDENTIALS as error:
            raise no_credentials(error) from error
        except (BotoConnectionError, HTTPClientError) as error:
            raise unreachable(service, action, error) from error
        except BotoCoreError as error:
            raise ConfigurationError(
                f"{service}:{action} cannot be called: {one_line(error)}",
                remedy="check the parameters and the AWS configuration",
            ) from error
        request_id = answer.get("ResponseMetadata", {}).get("RequestId", "")
        facts = {"service": service, "action": action, "request_id": request_id}
        log.debug("%s:%s answered, request id %s", service, action, request_id, extra=facts)
        return answer

    def pages(self, service: str, action: str, key: str, **parameters: Any) -> list[Any]:
        """All items under `key` of a paged call (`NextToken`/`nextToken`/`nextMarker`/`Marker`)."""
        items: list[Any] = []
        while True:
            answer = self.call(service, action, **parameters)
            items += answer.get(key, [])
            following = _next_page(answer)
            if not following:
                return items
            parameters |= following

    def _patience(
        self, failures: list[AwsCallFailed | AwsUnreachable], also: tuple[Patience, ...]
    ) -> float:
        failure = failures[-1]
        if isinstance(failure, AwsUnreachable):
            return min(self._retry_seconds, UNREACHABLE_SECONDS)
        if failure.code in THROTTLED:
            self._count_throttled(f"{failure.service}.{failure.action}")
            if all(_is_throttled(each) for each in failures):
                return self._retry_seconds  # nothing was begun: no token's life is running
        return patience_for(
            f"{failure.service}.{failure.action}",
            failure.code,
            failure.message,
            failure.status,
            self._retry_seconds,
            also,
        )

    def _count_throttled(self, name: str) -> None:
        with self._lock:
            self.throttled += 1
        if self.pacer:
            self.pacer.throttled(name)

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                try:
                    self._clients[service] = self._session.client(service, config=self._config)  # type: ignore[call-overload]
                except (BotoCoreError, ValueError) as error:
                    raise ConfigurationError(
                        f"no client for {service} in {self.region}: {one_line(error)}",
                        remedy="check the region and AWS_ENDPOINT_URL",
                    ) from None
            return self._clients[service]


@contextmanager
def usable_configuration() -> Iterator[None]:
    """An AWS profile that is not there, or a damaged file of them, as a ConfigurationError."""
    try:
        yield
    except BotoCoreError as error:
        raise ConfigurationError(
            f"the AWS configuration cannot be used: {one_line(error)}",
            remedy="check AWS_PROFILE and the files that AWS_CONFIG_FILE names (~/.aws)",
        ) from error


def _session_in(region: str) -> boto3.Session:
    with usable_configuration():
        return boto3.Session(region_name=region)


def _is_throttled(failure: AwsCallFailed | AwsUnreachable) -> bool:
    return isinstance(failure, AwsCallFailed) and failure.code in THROTTLED


def _next_page(answer: dict[str, Any]) -> dict[str, str]:
    for name, parameter in (
        ("NextToken", "NextToken"),
        ("nextToken", "nextToken"),
        ("nextMarker", "marker"),
        ("Marker", "Marker"),
    ):
        if answer.get(name):
            return {parameter: answer[name]}
    return {}
