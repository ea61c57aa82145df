"""The HTTP server: keep-alive, dropped connections, and requests that are none."""

import http.client
import socket
from collections.abc import Iterator

import pytest

from birthcert.errors import ConfigurationError
from birthcert.sandbox.front.http_messages import BODY_MAX_BYTES, HttpRequest, HttpResponse
from birthcert.sandbox.front.http_server import HttpServer


def echo(request: HttpRequest) -> HttpResponse | None:
    """Answer with the body; the path `/drop` loses the connection."""
    if request.path == "/drop":
        return None
    headers = {"X-Path": request.path, "X-Query": request.query, "X-Split": "a\r\nX-Evil: 1"}
    return HttpResponse(200, request.body, headers)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    running = HttpServer(0, echo, {"x-served-by": "test"})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(server: HttpServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    yield connection
    connection.close()


def sent_raw(server: HttpServer, data: bytes) -> bytes:
    """What comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_one_connection_carries_many_requests(client: http.client.HTTPConnection) -> None:
    """The connection stays open from one request to the next."""
    client.connect()
    port = client.sock.getsockname()[1]
    for number in range(3):
        client.request("POST", f"/a%2Fb?n={number}", b"body")
        answer = client.getresponse()
        assert answer.read() == b"body"
        assert answer.headers["X-Path"] == "/a%2Fb"
        assert answer.headers["X-Query"] == f"n={number}"
        assert answer.headers["x-served-by"] == "test"
    assert client.sock.getsockname()[1] == port


def test_chunked_bodies_are_read(client: http.client.HTTPConnection) -> None:
    """A body in chunks arrives whole, and the next request is understood."""
    for _ in range(2):
        client.request("PUT", "/", iter([b"one ", b"two"]), encode_chunked=True)
        assert client.getresponse().read() == b"one two"


def test_head_has_no_body(client: http.client.HTTPConnection) -> None:
    """The answer to HEAD is headers alone."""
    client.request("HEAD", "/")
    assert client.getresponse().read() == b""
    client.request("GET", "/")
    assert client.getresponse().status == 200


def test_a_header_cannot_split_the_answer(client: http.client.HTTPConnection) -> None:
    """Line breaks in a header's value do not make another header."""
    client.request("GET", "/")
    answer = client.getresponse()
    answer.read()
    assert "X-Evil" not in answer.headers


def test_dropped_connection(client: http.client.HTTPConnection) -> None:
    """Where the application has no answer, the client sees the connection end."""
    client.request("GET", "/drop")
    with pytest.raises(http.client.RemoteDisconnected):
        client.getresponse()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"\x16\x03\x01\x00\xff\r\n\r\n", b"400", id="a TLS hello"),
        pytest.param(b"GET / HTTP/1.1 extra\r\n\r\n", b"400", id="four words"),
        pytest.param(b"BREW /pot HTTP/1.1\r\n\r\n", b"501", id="unknown method"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414", id="endless path"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000, b"431", id="endless header"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400", id="negative length"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400", id="bad chunk"
        ),
    ],
)
def test_what_is_no_http_gets_a_line_of_json(
    server: HttpServer, data: bytes, status: bytes
) -> None:
    """Garbage is answered with a status, JSON and the server's header; then the connection ends."""
    answer = sent_raw(server, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"x-served-by: test" in head
    assert body.startswith(b"{")


def test_a_body_over_the_limit_is_refused(client: http.client.HTTPConnection) -> None:
    """More than 10 MB is 413, and the client gets to read it."""
    client.request("POST", "/", b"x" * (BODY_MAX_BYTES + 1))
    answer = client.getresponse()
    assert answer.status == 413
    assert b"RequestEntityTooLargeException" in answer.read()


def test_the_server_survives_all_of_it(server: HttpServer) -> None:
    """After garbage, half a request and a reset, the next client is served."""
    sent_raw(server, b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    sent_raw(server, b"")
    assert sent_raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 200"
    )


def test_stopping_ends_open_connections() -> None:
    """A connection that is kept alive does not outlive the server."""
    running = HttpServer(0, echo, {})
    running.start()
    client = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=5)
    client.request("GET", "/")
    client.getresponse().read()
    running.stop()
    assert client.sock.recv(1) == b""
    client.close()


def test_a_port_in_use_is_one_line(server: HttpServer) -> None:
    """A taken port names itself and the way out."""
    with pytest.raises(ConfigurationError) as caught:
        HttpServer(server.server_port, echo, {})
    assert str(caught.value) == (
        f"port {server.server_port} of 127.0.0.1 is in use; "
        "choose another port, or 0 for any free one"
    )
