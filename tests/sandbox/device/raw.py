"""MQTT packet by packet."""

import socket
import ssl
from typing import Any

import mqtt5

from birthcert.sandbox.device.codec import frame_size


class Raw5:
    """MQTT 5 packet by packet over TLS, for what no client library would send."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = b""

    def send(self, *packets: Any) -> None:
        """Write packets, or bytes as they are."""
        for packet in packets:
            self.socket.sendall(packet if isinstance(packet, bytes) else packet.write())

    def receive(self) -> Any:
        """The next packet, or None where the endpoint closed."""
        while True:
            size = frame_size(self._buffer)
            if size is not None and len(self._buffer) >= size:
                packet, _ = mqtt5.read(memoryview(self._buffer[:size]))
                self._buffer = self._buffer[size:]
                return packet
            try:
                data = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self._buffer += data

    def ask(self, packet: Any) -> Any:
        """Send one packet and return the next that comes."""
        self.send(packet)
        return self.receive()

    def close(self) -> None:
        """Drop the connection without a DISCONNECT."""
        self.socket.close()
