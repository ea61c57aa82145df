"""One chunk under way: what is sent, what comes back, and what the ledger is told."""

import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from birthcert.errors import NotAsked
from birthcert.issuance.authority import bought_nothing, concerns_all
from birthcert.issuance.calls import Calls, Fetched
from birthcert.issuance.crew import Answer, Answers, Crew, Order
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.job import (
    Delivered,
    Job,
    delivered_outcome,
    doubt,
    existing_outcome,
    intent_of,
)
from birthcert.issuance.notes import Notes
from birthcert.issuance.readiness import WaitingRoom
from birthcert.issuance.received import UnexpectedCertificate
from birthcert.ledger.claims import RENEWAL
from birthcert.ledger.ledger import Ledger
from birthcert.pki.validity import validity_for

# How soon a stop is noticed while nothing else happens.
_TICK_SECONDS: Final = 0.2
# How often the rows are looked up that another run works on.
_OTHERS_SECONDS: Final = 0.5


@dataclass
class Chunk:
    """The state of one chunk; all of it belongs to the thread that runs it."""

    calls: Calls
    crew: Crew
    ledger: Ledger
    batch_id: int
    claim_id: int
    stop: threading.Event

    def __post_init__(self) -> None:
        self._to_request: deque[Job] = deque()
        self._others: list[Device] = []
        self._room = WaitingRoom[Job](self.crew.estimate, time.monotonic)
        self._issuing: set[int] = set()
        self._fetching: set[int] = set()
        self._answers: Answers = queue.SimpleQueue()
        self._unsent: list[Job] = []
        self._notes = Notes()
        self._outcomes: dict[int, DeviceOutcome] = {}
        self._error: BaseException | None = None
        self._ending = False
        self._ask_others_at = time.monotonic()
        self._renew_at = self._ask_others_at + RENEWAL.total_seconds()

    def run(self, devices: Sequence[Device]) -> dict[int, DeviceOutcome]:
        """Work until everything is settled or stopped; outcomes by the device's row."""
        try:
            self._admit(devices)
            while self._unsettled():
                self._send()
                self._settle(self._patience())
        finally:
            self._wind_up()
        if self._error is not None:
            raise self._error
        return self._outcomes

    def _admit(self, devices: Sequence[Device]) -> None:
        """Write the intents down, and let each row say where its device starts."""
        intents = [intent_of(device, self.calls.options) for device in devices]
        records = self.ledger.intend(self.batch_id, self.claim_id, intents)
        for device, record in zip(devices, records, strict=True):
            job = Job(device, record, record.certificate_arn)
            if record.state == "delivered":
                self._admit_delivered(job)
            elif not record.mine:
                self._others.append(device)
            elif job.bought_before:
                self._room.add(job, since=None)
            elif reason := doubt(record, self.calls.clock()):
                self._notes.unanswered.append((record.id, reason))
                self._outcomes[device.row] = job.outcome("failed", reason=reason)
            else:
                self._to_request.append(job)

    def _admit_delivered(self, job: Job) -> None:
        path = self.calls.outlet.find(job.device, job.record.serial_number or "")
        if path is None:
            self._room.add(job, since=None)
        else:
            self._outcomes[job.device.row] = existing_outcome(job, path)

    def _halted(self) -> bool:
        return self._ending or self._error is not None or self.stop.is_set()

    def _unsettled(self) -> bool:
        if self._issuing or self._fetching:
            return True
        return not self._halted() and bool(self._to_request or self._others or self._room)

    def _send(self) -> None:
        if self._halted():
            return
        self._send_fetches()
        self._send_requests()
        if self._others and time.monotonic() >= self._ask_others_at:
            self._ask_others_at = time.monotonic() + _OTHERS_SECONDS
            if not (self._to_request or self._issuing or self._fetching or self._room):
                # the other run may be waiting for what this one keeps
                self._flush()
            others, self._others = self._others, []
            self._admit(others)

    def _send_fetches(self) -> None:
        while self._fetchers_free() and (due := self._room.take()):
            job, since = due
            self._fetching.add(job.device.row)
            self.crew.fetch(Order(job, self.calls.fetch, self._answers, self._halted, since))

    def _fetchers_free(self) -> bool:
        """Whether the fetching threads have less than one more each of this chunk to do."""
        return len(self._fetching) < 2 * self.crew.threads

    def _send_requests(self) -> None:
        """Keep each thread busy and some jobs waiting for them: these alone are `requested`."""
        if not self._to_request:
            self.crew.turn.give(self._answers)
            return
        ahead = self.crew.ahead
        if 2 * len(self._issuing) > ahead.count or not self.crew.turn.take(self._answers):
            return
        authority, options = self.calls.authority, self.calls.options
        validity = validity_for(self.calls.clock(), options.validity_days, authority.not_after)
        room = min(len(self._to_request), ahead.count - len(self._issuing))
        group = [self._to_request.popleft() for _ in range(room)]
        held = self.ledger.mark_requested(self.claim_id, [job.record.id for job in group])
        ahead.began(room)
        issue = partial(self.calls.issue, validity=validity)
        for job in group:
            job.requested_at = held.get(job.record.id)
            if job.requested_at is None:
                self._others.append(job.device)
                continue
            self._issuing.add(job.device.row)
            self.crew.issue(Order(job, issue, self._answers, self._halted))

    def _patience(self) -> float:
        """How long to wait for an answer before something else may be due."""
        due = self._room.seconds_to_next() if self._fetchers_free() else None
        return _TICK_SECONDS if due is None else min(_TICK_SECONDS, due)

    def _settle(self, seconds: float) -> None:
        """Take in what came back, wait for it at most so long, and write it down in one group."""
        with suppress(queue.Empty):
            self._take_in(self._answers.get(timeout=seconds))
            while True:
                self._take_in(self._answers.get_nowait())
        self._notes.commit(self.ledger)
        if time.monotonic() >= self._renew_at:
            self.ledger.renew(self.claim_id)
            self._renew_at = time.monotonic() + RENEWAL.total_seconds()

    def _take_in(self, answer: Answer | None) -> None:
        if answer is None:
            return
        if not answer.begun and answer.error is not None:
            self._halt_by(answer.error)
        job, row = answer.order.job, answer.order.job.device.row
        if row in self._issuing:
            self._issuing.discard(row)
            self.crew.ahead.ended(1)
            if not answer.begun:
                self._unsent.append(job)
            elif answer.error is not None:
                self._not_issued(job, answer.error)
            else:
                self._issued(job, answer.result)
            return
        self._fetching.discard(row)
        if answer.begun and answer.error is None:
            self._fetched(job, answer.order.since, answer.result)
            return
        self._room.dropped(answer.order.since)
        if answer.begun and answer.error is not None:
            self._not_fetched(job, answer.error)

    def _halt_by(self, error: BaseException) -> None:
        """A call that got no turn is the last one: the run ends, or the quota book is away."""
        if isinstance(error, NotAsked):
            self.stop.set()
        else:
            self._error = self._error or error

    def _issued(self, job: Job, arn: str) -> None:
        job.arn = arn
        self._notes.issued.append((job.record.id, arn))
        self._room.add(job, since=time.monotonic())

    def _not_issued(self, job: Job, error: BaseException) -> None:
        notes = self._notes.failed if bought_nothing(error) else self._notes.unanswered
        notes.append((job.record.id, str(error)))
        self._outcomes[job.device.row] = job.outcome("failed", reason=str(error))
        if concerns_all(error):
            self._error = self._error or error

    def _flush(self) -> None:
        """Have written what the outlet has kept."""
        for job, result in self.calls.outlet.flush():
            if isinstance(result, UnexpectedCertificate):
                self._fail(job, str(result))
            else:
                self._delivered(job, result)

    def _fetched(self, job: Job, since: float | None, fetched: Fetched) -> None:
        if fetched.ready:
            self._room.ready(since, job.asked_at)
            if fetched.delivered is not None:
                self._delivered(job, fetched.delivered)
            return
        job.asked_first = job.asked_first or job.asked_at
        if job.asked_at - job.asked_first < self.calls.options.ready_timeout_seconds:
            self._room.not_ready(job, since, job.asked_at)
        else:
            self._room.dropped(since)
            self._fail(job, "AWS has not finished the certificate: run the same command again")

    def _delivered(self, job: Job, delivered: Delivered) -> None:
        self._notes.delivered.append(delivered.delivery)
        self._outcomes[job.device.row] = delivered_outcome(job, delivered)

    def _not_fetched(self, job: Job, error: BaseException) -> None:
        self._fail(job, str(error))
        if concerns_all(error) and not isinstance(error, UnexpectedCertificate):
            self._error = self._error or error

    def _fail(self, job: Job, reason: str) -> None:
        self._notes.failed.append((job.record.id, reason))
        self._outcomes[job.device.row] = job.outcome("failed", reason=reason)

    def _wind_up(self) -> None:
        """Let the calls in flight end, write what was fetched, and write down what they brought."""
        self._ending = True
        self.crew.turn.give(self._answers)
        while self._issuing or self._fetching:
            self._take_in(self._answers.get())
        try:
            self._flush()
        finally:
            self._notes.last_commit(self.ledger)
            unsent = [job.record.id for job in self._unsent if job.surely_unasked]
            if unsent:
                self.ledger.withdraw(self.claim_id, unsent)
