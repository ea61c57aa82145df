"""What the connections of one account and region share."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Protocol

from birthcert.sandbox.device.broker import Broker
from birthcert.sandbox.device.diary import Diary
from birthcert.sandbox.device.quotas import Quotas
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.knobs import KnobBox


class ConnectionCounter:
    """Finds the connection that the knob `drop_connection_nth` names.

    Counted over all places, from the last change of any knob on.
    """

    def __init__(self, knobs: KnobBox) -> None:
        self._knobs = knobs
        self._generation = -1
        self._count = itertools.count(1)

    def drops_this_one(self) -> bool:
        """Count a connection; whether it is the one to drop."""
        if self._generation != self._knobs.generation:
            self._generation, self._count = self._knobs.generation, itertools.count(1)
        return next(self._count) == self._knobs.now.drop_connection_nth


class Connected(Protocol):
    """A connected device, as its place sees it."""

    client_id: str
    certificate_id: str

    def reconsider(self) -> None:
        """Something about its certificate changed."""

    def taken_over(self) -> None:
        """Another connection came with its client id."""


class Place:
    """One account in one region: its registry, its broker, and who is connected."""

    def __init__(
        self,
        registry: IotRegistry,
        knobs: KnobBox,
        clock: Callable[[], float],
        *,
        loop: asyncio.AbstractEventLoop,
        diary: Diary,
        counter: ConnectionCounter,
        quotas: bool,
    ) -> None:
        self.registry, self.knobs, self.clock = registry, knobs, clock
        self.loop, self.diary, self.counter = loop, diary, counter
        self.broker = Broker(loop, clock)
        self.quotas = Quotas(clock, enforced=quotas)
        self._clients: dict[str, Connected] = {}
        self._by_certificate: dict[str, set[Connected]] = {}
        registry.subscribe(self._on_change)

    def _on_change(self, changed_id: str) -> None:
        if not self.loop.is_closed():  # the registry outlives a stopped endpoint
            self.loop.call_soon_threadsafe(self._reconsider, changed_id)

    def _reconsider(self, certificate_id: str) -> None:
        for client in list(self._by_certificate.get(certificate_id, ())):
            client.reconsider()

    def join(self, client: Connected) -> None:
        """A device is connected; the one that had its client id is not any more."""
        self._clients[client.client_id] = client
        self._by_certificate.setdefault(client.certificate_id, set()).add(client)

    def client(self, client_id: str) -> Connected | None:
        """Who is connected under a client id."""
        return self._clients.get(client_id)

    def leave(self, client: Connected) -> None:
        """A device is gone."""
        if self._clients.get(client.client_id) is client:
            del self._clients[client.client_id]
        same = self._by_certificate.get(client.certificate_id, set())
        same.discard(client)
        if not same:
            self._by_certificate.pop(client.certificate_id, None)
