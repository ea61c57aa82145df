"""How the sandbox misbehaves on purpose: the knobs of `GET|POST|DELETE /_sandbox/faults`."""

import threading
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from birthcert.limits import THING_TYPE_DELETION_SECONDS

ActionName = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[A-Z][A-Za-z0-9]+$")]
Seconds = Annotated[float, Field(ge=0, le=3_600)]


class CallFault(BaseModel):
    """One rule: which calls misbehave and how.

    `action` is `service.Action` (`acm-pca.IssueCertificate`), `service.*` or `*`. A call is hit
    when it is the `nth` one (counted from 1 since the rule was set), or every `every`th one, or
    with `probability`; with none of the three, always. `times` bounds how often (None: no bound).
    Effects: `throttle` (ThrottlingException), `error` (`code`, `status`, `message`),
    `lose_answer` (the work is done, the connection drops), `drop` (the connection drops before
    any work), `freeze` and `slow` (wait `seconds` before any work, then answer as usual; freeze
    closes without an answer).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: str = "*"
    effect: Literal["throttle", "error", "lose_answer", "drop", "freeze", "slow"]
    nth: Annotated[int, Field(ge=1)] | None = None
    every: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    seconds: Seconds = 0.0
    code: str = "InternalFailureException"
    status: Annotated[int, Field(ge=400, le=599)] = 500
    message: str = "The service failed on purpose (a knob of the sandbox)."


class Knobs(BaseModel):
    """All knobs, with the defaults of an AWS that is quick but not instantaneous."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_creation_seconds: Seconds = 0.2
    ca_creation_failure: Literal["", "REQUEST_TIMED_OUT", "UNSUPPORTED_ALGORITHM", "OTHER"] = ""
    issuance_seconds: tuple[Seconds, Seconds] = (0.05, 0.15)
    request_in_progress_polls: Annotated[int, Field(ge=0)] = 0
    iam_delay_seconds: Seconds = 0.5
    token_lifetime_seconds: Seconds = 300.0
    audit_report_seconds: Seconds = 0.2
    audit_report_interval_seconds: Seconds = 1_800.0
    calls: tuple[CallFault, ...] = ()
    # `service.Action` -> calls a second: an increase that AWS has granted, or less than usual
    quotas_per_second: dict[ActionName, Annotated[float, Field(gt=0)]] = {}
    # seconds of quota that may be spent at once after a pause; AWS does not say its own [inf]
    quota_burst_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0
    thing_type_deletion_seconds: Seconds = THING_TYPE_DELETION_SECONDS
    detach_seconds: Seconds = 0.0
    seed: int = 0
    drop_connection_nth: Annotated[int, Field(ge=1)] | None = None
    provisioning_seconds: Seconds = 0.0
    role_not_assumable_seconds: Seconds = 0.0
    freeze_devices: bool = False
    keep_alive_minimum_seconds: Annotated[int, Field(ge=1, le=1_200)] = 30
    network_delay_seconds: Seconds = 0.0
    session_token_seconds: Annotated[float, Field(gt=0, le=43_200)] | None = None


class KnobBox:
    """The knobs in force; readers take `box.now` once per decision, writers replace it whole."""

    def __init__(self, knobs: Knobs | None = None) -> None:
        self._initial = knobs or Knobs()
        self._lock = threading.Lock()
        self.now = self._initial
        self.generation = 0
        self.calls_set = 0  # how often `calls` was given anew: its counts start over then

    def update(self, changes: dict[str, object]) -> Knobs:
        """Set the named knobs, keep the others; pydantic's ValidationError where one is wrong."""
        with self._lock:
            merged = {**self.now.model_dump(), **changes}
            self.now = Knobs.model_validate(merged)
            self.generation += 1
            self.calls_set += "calls" in changes
            return self.now

    def reset(self) -> Knobs:
        """Back to what the sandbox was started with."""
        with self._lock:
            self.now = self._initial
            self.generation += 1
            self.calls_set += 1
            return self.now
