"""One account's AWS IoT in one region: its ARNs and its clock, handed to every book of it."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from birthcert.sandbox.iot.answers import invalid_request
from birthcert.sandbox.state import SandboxState

Params = dict[str, object]
Action = Callable[[Params], Params]


@dataclass
class Place:
    """Where a registry stands; `touched` collects the ids that listeners must hear of.

    `serials` numbers everything that is made, so that lists page by age while others delete.
    """

    state: SandboxState
    partition: str
    region: str
    account: str
    touched: list[str] = field(default_factory=list)
    serials: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def arn(self, kind: str, name: str) -> str:
        """The ARN of a resource here: `arn:aws:iot:REGION:ACCOUNT:KIND/NAME`."""
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{kind}/{name}"

    def now(self) -> datetime:
        """The sandbox's time, in UTC."""
        return datetime.fromtimestamp(self.state.clock(), UTC)


def text(params: Params, name: str) -> str:
    """A required string of a request; InvalidRequestException where it is missing."""
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_request(f"Missing required parameter: {name}")
    return value


def optional_text(params: Params, name: str) -> str | None:
    """A string of a request, or None."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid_request(f"{name} must be a string")
    return value


def flag(params: Params, name: str) -> bool:
    """A boolean of a request, false where it is missing."""
    return params.get(name) is True


def structure(params: Params, name: str) -> Params | None:
    """A structure of a request, or None."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid_request(f"{name} must be a structure")
    return value
