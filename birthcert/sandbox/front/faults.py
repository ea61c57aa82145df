"""Calls that misbehave on purpose: the rules of the knob `calls`, counted and applied."""

import random
import threading
from dataclasses import dataclass, field

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.quotas import throttling
from birthcert.sandbox.knobs import CallFault, KnobBox


class ConnectionLost(Exception):
    """The connection is to be dropped before any work."""


@dataclass
class _Rule:
    fault: CallFault
    chance: random.Random
    seen: int = 0
    hits: int = 0

    def hit(self, action: str) -> bool:
        """Count a call of `service.Action`; whether this one misbehaves."""
        if not _matches(self.fault.action, action):
            return False
        self.seen += 1
        if self.fault.times is not None and self.hits >= self.fault.times:
            return False
        if not self._due():
            return False
        self.hits += 1
        return True

    def _due(self) -> bool:
        fault = self.fault
        conditions = []
        if fault.nth is not None:
            conditions.append(self.seen == fault.nth)
        if fault.every is not None:
            conditions.append(self.seen % fault.every == 0)
        if fault.probability is not None:
            conditions.append(self.chance.random() < fault.probability)
        return any(conditions) if conditions else True


def _matches(rule: str, action: str) -> bool:
    if rule.endswith(".*"):
        return action.startswith(rule[:-1])
    return rule in ("*", action)


@dataclass
class Effects:
    """What the rules say of one call: a wait, an end without work, an error, a lost answer."""

    wait_seconds: float = 0.0
    freeze: bool = False
    drop: bool = False
    lose_answer: bool = False
    error: AwsError | None = None


@dataclass
class Faults:
    """The rules in force; a new `calls` knob starts the counts anew, other knobs keep them."""

    knobs: KnobBox
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rules: list[_Rule] = field(default_factory=list)
    _calls_set: int = -1

    def effects_on(self, action: str) -> Effects:
        """What happens to this call of `service.Action`.

        Every rule counts it. All that are `slow` add up; of the others, the first one hit acts.
        """
        with self._lock:
            self._refresh()
            faults = [rule.fault for rule in self._rules if rule.hit(action)]
        effects = Effects(wait_seconds=sum(f.seconds for f in faults if f.effect == "slow"))
        others = [fault for fault in faults if fault.effect != "slow"]
        if others:
            _apply(others[0], action, effects)
        return effects

    def _refresh(self) -> None:
        calls_set = self.knobs.calls_set
        if self._calls_set == calls_set:
            return
        self._calls_set = calls_set
        knobs = self.knobs.now
        self._rules = [
            _Rule(fault, random.Random(f"{knobs.seed}:{place}"))
            for place, fault in enumerate(knobs.calls)
        ]


def _apply(fault: CallFault, action: str, effects: Effects) -> None:
    service = action.partition(".")[0]
    if fault.effect == "throttle":
        effects.error = throttling(service)
    elif fault.effect == "error":
        effects.error = AwsError(fault.code, fault.message, status=fault.status)
    elif fault.effect == "freeze":
        effects.wait_seconds += fault.seconds
        effects.freeze = True
    elif fault.effect == "drop":
        effects.drop = True
    else:
        effects.lose_answer = True
