"""One TLS connection as bytes: frames in, packets out, time limits, and the network's knobs."""

import asyncio
import ssl
from collections import deque
from typing import Protocol, cast

from birthcert.sandbox.device.codec import BadPacket, frame_size
from birthcert.sandbox.device.tls import Tls
from birthcert.sandbox.knobs import KnobBox

CONNECT_TIMEOUT_SECONDS = 10.0
CLOSE_TIMEOUT_SECONDS = 2.0
KEEP_ALIVE_GRACE = 1.5
WRITE_BUFFER_MAX_BYTES = 4 * 1024 * 1024
FREEZE_CHECK_SECONDS = 0.05


class Handler(Protocol):
    """Who acts on a connection's frames."""

    def on_frame(self, frame: bytes) -> None:
        """A whole packet came in; BadPacket ends the connection."""

    def on_bad_packet(self, error: BadPacket) -> None:
        """The peer broke the protocol."""

    def on_silence(self) -> None:
        """Nothing came for one and a half times the keep-alive."""

    def on_bad_tls(self, error: ssl.SSLError) -> None:
        """The handshake failed, or the peer broke TLS."""

    def on_lost(self) -> None:
        """The connection is gone."""


class Wire(asyncio.Protocol):
    """Guards one connection: whatever the peer does ends it and no other.

    `handler` is set by whoever makes the wire; it is in `open_wires` while it is up. `closed` is
    true from the first decision to close on: nothing is read or written after that.
    """

    handler: Handler

    def __init__(self, context: ssl.SSLContext, knobs: KnobBox, open_wires: "set[Wire]") -> None:
        self._tls, self._knobs, self._open_wires = Tls(context), knobs, open_wires
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._inbox: deque[bytes] = deque()
        self._paused = False
        self._keep_alive = 0.0
        self._heard_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.closed = False

    @property
    def peer_certificate(self) -> bytes:
        """The device's certificate (DER), once the handshake is done."""
        return self._tls.peer_certificate or b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is up: TLS and a CONNECT have ten seconds."""
        self._transport = cast(asyncio.Transport, transport)
        self._open_wires.add(self)
        self._timer = self._loop.call_later(CONNECT_TIMEOUT_SECONDS, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer or this side has closed."""
        self.closed = True
        self._open_wires.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.handler.on_lost()

    def data_received(self, data: bytes) -> None:
        """Bytes came: at once, or later where a knob slows or freezes the network."""
        self._heard_at = self._loop.time()
        knobs = self._knobs.now
        if not (self._inbox or knobs.freeze_devices or knobs.network_delay_seconds):
            self._take(data)
            return
        self._inbox.append(data)
        self._loop.call_later(knobs.network_delay_seconds, self._take_next)

    def _take_next(self) -> None:
        if self._knobs.now.freeze_devices and not self.closed:
            self._loop.call_later(FREEZE_CHECK_SECONDS, self._take_next)
        else:
            self._take(self._inbox.popleft())

    def _take(self, data: bytes) -> None:
        if self.closed:
            return
        try:
            self._buffer += self._tls.receive(data)
        except ssl.SSLError as error:
            self._flush()
            self.handler.on_bad_tls(error)
            self._let_go()
            return
        self._flush()
        self._process()
        if self._tls.is_over:
            self.close()

    def _process(self) -> None:
        try:
            while not self.closed and not self._paused:
                size = frame_size(self._buffer)
                if size is None or len(self._buffer) < size:
                    return
                frame = bytes(self._buffer[:size])
                del self._buffer[:size]
                self.handler.on_frame(frame)
        except BadPacket as error:
            self.handler.on_bad_packet(error)

    def pause(self) -> None:
        """Read nothing until `resume()`."""
        self._paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        """Go on with what came meanwhile."""
        self._paused = False
        if not self.closed:
            self._transport.resume_reading()
            self._process()

    def watch(self, keep_alive_seconds: float) -> None:
        """From now on the peer must be heard within 1.5 times the keep-alive; 0: no limit."""
        self._keep_alive = keep_alive_seconds * KEEP_ALIVE_GRACE
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._keep_alive:
            self._timer = self._loop.call_later(self._keep_alive, self._check_silence)

    def _check_silence(self) -> None:
        left = self._heard_at + self._keep_alive - self._loop.time()
        if left <= 0 and not self._knobs.now.freeze_devices:
            self.handler.on_silence()
        else:
            self._timer = self._loop.call_later(max(left, 1), self._check_silence)

    def write(self, data: bytes) -> None:
        """Send; a peer that does not read while megabytes wait for it is cut off."""
        if self.closed or not data:
            return
        self._tls.send(data)
        self._flush()
        if self._transport.get_write_buffer_size() > WRITE_BUFFER_MAX_BYTES:
            self.abort()

    def _flush(self) -> None:
        data = self._tls.outgoing()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close once what was written is out."""
        if not self.closed:
            self._tls.close()
            self._flush()
            self._let_go()

    def _let_go(self) -> None:
        """Close once what was written is out, without TLS's farewell."""
        self.closed = True
        self._transport.close()
        self._loop.call_later(CLOSE_TIMEOUT_SECONDS, self._transport.abort)

    def abort(self) -> None:
        """Close now."""
        self.closed = True
        self._transport.abort()
