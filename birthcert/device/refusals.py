"""Why a device is not connected, or not any more, as facts."""

from typing import Literal

from birthcert.errors import BirthcertError

Kind = Literal[
    "unresolvable",  # the name
    "unreachable",  # the port
    "server-not-trusted",
    "handshake",  # the server ended TLS
    "dropped",  # hung up without a word, as AWS does at the first connection [25]
    "refused",  # with a reason code, which MQTT 5 has
    "silent",  # no answer in time
]
PASSING: frozenset[Kind] = frozenset({"dropped", "refused", "silent", "handshake"})


class NotConnected(BirthcertError):
    """The endpoint did not let the device in, or ended its connection.

    `passing`: it may be the first connection's drop or its aftermath, so another try is worth it.
    """

    def __init__(self, kind: Kind, what: str, *, remedy: str = "") -> None:
        self.kind = kind
        super().__init__(what, remedy=remedy, kind=kind)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.kind, self.what, self.remedy))

    @property
    def passing(self) -> bool:
        """Whether the next try may fare better."""
        return self.kind in PASSING


def _rebuild(kind: Kind, what: str, remedy: str) -> NotConnected:
    return NotConnected(kind, what, remedy=remedy)


class ActRefused(BirthcertError):
    """The endpoint refused a publish or subscribe of a connected device; facts: `act`, `topic`."""
