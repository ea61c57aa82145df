"""Where devices connect: a thread with one event loop, and a TLS listener a place."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from birthcert.sandbox.device.diary import Diary
from birthcert.sandbox.device.place import ConnectionCounter, Place
from birthcert.sandbox.device.server_certificate import HOST, ServerIdentity
from birthcert.sandbox.device.trust import Trust
from birthcert.sandbox.device.visitor import Visitor
from birthcert.sandbox.device.wire import Wire
from birthcert.sandbox.iot.moto import registry_of
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.state import SandboxState

LOOPBACK = "127.0.0.1"
BACKLOG = 1_024


@dataclass(frozen=True)
class Listener:
    """One place's listener."""

    place: Place
    port: int


class DeviceEndpoint:
    """The sandbox's mutual-TLS MQTT endpoint; `server_ca` is the PEM file devices trust.

    Every method is safe from any thread. A place's listener opens at its first `address()`.
    """

    def __init__(
        self,
        state: SandboxState,
        directory: Path,
        port: int,
        *,
        quotas: bool,
        registries: Callable[[str, str], IotRegistry],
    ) -> None:
        self._state, self._port, self._quotas, self._registries = state, port, quotas, registries
        self._identity = ServerIdentity(datetime.fromtimestamp(state.clock(), UTC))
        self.server_ca = self._identity.write_ca(directory)
        self._diary = Diary(state.clock)
        self._counter = ConnectionCounter(state.knobs)
        self._lock = threading.Lock()
        self._listeners: dict[tuple[str, str], Listener] = {}
        self._servers: list[asyncio.Server] = []
        self._wires: set[Wire] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="device-endpoint", daemon=True)
        self._thread.start()

    def address(self, account: str, region: str) -> tuple[str, int]:
        """Host and port of a place's listener, opened now if it was not."""
        return HOST, self._opened(account, region).port

    def place(self, account: str, region: str) -> Place:
        """A place's broker and connections; they live on the endpoint's own loop."""
        return self._opened(account, region).place

    def _opened(self, account: str, region: str) -> Listener:
        registry = self._registries(account, region)
        with self._lock:
            listener = self._listeners.get((account, region))
            if listener is None:
                port = 0 if self._listeners else self._port
                listening = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
                listener = Listener(self._new_place(registry), listening.getsockname()[1])
                self._listeners[account, region] = listener
                # the caller may hold a lock that the loop waits for: do not wait for the loop
                context = Trust(self._identity, registry).context
                asyncio.run_coroutine_threadsafe(
                    self._listen(listening, listener.place, context), self._loop
                )
            return listener

    def addresses(self) -> list[dict[str, str | int]]:
        """Every listener: account, region, host, port."""
        with self._lock:
            return [
                {"account": account, "region": region, "host": HOST, "port": listener.port}
                for (account, region), listener in self._listeners.items()
            ]

    def failures(self) -> list[dict[str, str]]:
        """Templates that did not take: certificate_id, common_name, reason, time."""
        return self._diary.failures()

    def refusals(self) -> list[dict[str, str]]:
        """Connections and acts that were refused: client_id, certificate_id, reason, time."""
        return self._diary.refusals()

    def stop(self) -> None:
        """Close every listener and connection, and end the thread; once is enough."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._shut_down())
        self._loop.close()

    async def _shut_down(self) -> None:
        for server in self._servers:
            server.close()
        for wire in list(self._wires):
            wire.abort()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _new_place(self, registry: IotRegistry) -> Place:
        return Place(
            registry,
            self._state.knobs,
            self._state.clock,
            loop=self._loop,
            diary=self._diary,
            counter=self._counter,
            quotas=self._quotas,
        )

    async def _listen(
        self, listening: socket.socket, place: Place, context: ssl.SSLContext
    ) -> None:
        server = await self._loop.create_server(lambda: self._wire(place, context), sock=listening)
        self._servers.append(server)

    def _wire(self, place: Place, context: ssl.SSLContext) -> Wire:
        wire = Wire(context, self._state.knobs, self._wires)
        wire.handler = Visitor(place, wire, self._keep)
        return wire

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def start(
    state: SandboxState,
    directory: Path,
    port: int = 0,
    *,
    quotas: bool = False,
    registries: Callable[[str, str], IotRegistry] = registry_of,
) -> DeviceEndpoint:
    """Open the endpoint of the sandbox's own account and region on `port` (0: any free one).

    Writes the server CA to `directory/server-ca.pem` and hangs the endpoint into `state`.
    Raises OSError where the port is taken.
    """
    endpoint = DeviceEndpoint(state, directory, port, quotas=quotas, registries=registries)
    endpoint.address(state.account, state.region)
    state.device_endpoint = endpoint.address
    return endpoint
