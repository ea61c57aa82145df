"""An HTTP request and its answer, whole and in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from urllib.parse import parse_qs

BODY_MAX_BYTES = 10 * 1024 * 1024
# moto's answers may carry these, not true of the body as it is sent here
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "status"})


@dataclass
class HttpRequest:
    """One request; `path` and `query` are percent-encoded as sent, header names lower-case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""

    @cached_property
    def query_values(self) -> dict[str, list[str]]:
        """The query string's values by name, blank ones kept."""
        return parse_qs(self.query, keep_blank_values=True) if self.query else {}

    @property
    def content_type(self) -> str:
        """The media type without its parameters, lower-case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass
class HttpResponse:
    """One answer; Content-Length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def head(self, extra: dict[str, str], *, to_head: bool = False) -> bytes:
        """Status line and headers as sent, `extra` ones of the server on top.

        `to_head`: the answer to a HEAD request, which says a length without a body.
        """
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _FRAMING}
        length = self.headers.get("Content-Length") if to_head else None
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in (kept | extra).items()]
        lines.append(f"Content-Length: {length or len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


# None: the connection is dropped without an answer
Application = Callable[[HttpRequest], HttpResponse | None]
