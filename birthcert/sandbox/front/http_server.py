"""A small HTTP/1.1 server on loopback: keep-alive, a thread a connection, no stack trace pages.

werkzeug's own server closes each connection and waits 10 ms while it does: too slow for a batch.
"""

import errno
import json
import logging
import socket
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from birthcert.errors import ConfigurationError
from birthcert.sandbox.front.http_messages import (
    BODY_MAX_BYTES,
    Application,
    HttpRequest,
    HttpResponse,
)

LOOPBACK: Final = "127.0.0.1"
_IDLE_SECONDS: Final = 300.0
_DISCARD_MAX_BYTES: Final = 64 * 1024 * 1024
_log = logging.getLogger("birthcert.sandbox")


class BadBody(Exception):
    """The body cannot be read: too large, or its framing is broken."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.response = HttpResponse(
            status,
            json.dumps({"__type": code, "message": message}).encode(),
            {"Content-Type": "application/json", "x-amzn-ErrorType": code},
        )
        super().__init__(message)


class _Handler(BaseHTTPRequestHandler):
    """One connection: requests are read whole, answered whole."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: "HttpServer"

    def answer(self) -> None:
        """Read the request, ask the application, send what it says or drop the connection."""
        try:
            body = self._read_body()
        except BadBody as error:
            self.close_connection = True
            self._send(error.response)
            self._discard()
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = HttpRequest(self.command, path, query, headers, body)
        response = self.server.application(request)
        if response is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def _send(self, response: HttpResponse) -> None:
        extra = self.server.headers | {"Date": formatdate(usegmt=True)}
        if self.close_connection:
            extra["Connection"] = "close"
        to_head = self.command == "HEAD"
        head = response.head(extra, to_head=to_head)
        self.wfile.write(head if to_head else head + response.body)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            raise BadBody(400, "SerializationException", "Content-Length is not a number")
        if int(length) > BODY_MAX_BYTES:
            raise _too_large()
        return self.rfile.read(int(length)) if length != "0" else b""

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while length := self._chunk_length():
            size += length
            if size > BODY_MAX_BYTES:
                raise _too_large()
            chunks.append(self.rfile.read(length))
            self.rfile.readline(3)
        while self.rfile.readline(65_536).strip():
            pass  # trailers
        return b"".join(chunks)

    def _chunk_length(self) -> int:
        try:
            length = int(self.rfile.readline(100).partition(b";")[0].strip(), 16)
        except ValueError:
            length = -1
        if length < 0:
            raise BadBody(400, "SerializationException", "A chunk's length is not a number")
        return length

    def _discard(self) -> None:
        """Read what the client still sends: else it sees a reset and not the answer."""
        self.connection.settimeout(1.0)
        left = _DISCARD_MAX_BYTES
        try:
            while left > 0 and (data := self.rfile.read1(65_536)):
                left -= len(data)
        except OSError:
            return

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A request that is no HTTP: one line of JSON instead of http.server's page."""
        self.close_connection = True
        body = json.dumps({"message": message or "This is not an HTTP request."})
        self.command = getattr(self, "command", None) or "GET"
        self._send(HttpResponse(code, body.encode(), {"Content-Type": "application/json"}))

    def log_message(self, format: str, *args: Any) -> None:
        """The application writes the log."""


def _too_large() -> BadBody:
    message = f"Request size exceeded {BODY_MAX_BYTES} bytes"
    return BadBody(413, "RequestEntityTooLargeException", message)


class HttpServer(ThreadingHTTPServer):
    """An application served on 127.0.0.1; `headers` go out with every answer.

    ConfigurationError where the port is taken or may not be opened.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, application: Application, headers: dict[str, str]) -> None:
        self.application = application
        self.headers = headers
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            raise unusable_port(port, error) from error

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the host's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def start(self) -> None:
        """Serve in a thread of its own."""
        serve: Callable[[], None] = lambda: self.serve_forever(poll_interval=0.05)  # noqa: E731
        threading.Thread(target=serve, name="birthcert-sandbox", daemon=True).start()

    def stop(self) -> None:
        """Stop accepting, and end the connections that are open."""
        self.shutdown()
        self.server_close()
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            _hang_up(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can end it."""
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the client's affair: a line in the log, no more."""
        _log.info("connection of %s broke", client_address, exc_info=True)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def unusable_port(port: int, error: Exception) -> ConfigurationError:
    """What is wrong with a port of the loopback interface, from the OSError it gave."""
    reasons = {
        errno.EADDRINUSE: "is in use",
        errno.EACCES: "may not be opened by this user",
    }
    reason = reasons.get(getattr(error, "errno", 0) or 0, f"cannot be opened ({error})")
    return ConfigurationError(
        f"port {port} of {LOOPBACK} {reason}",
        remedy="choose another port, or 0 for any free one",
        port=port,
    )
