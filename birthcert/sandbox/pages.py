"""The sandbox's own pages under `/_sandbox/`: JSON for people, tests and scripts."""

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import pydantic

from birthcert.sandbox.front.calls import Calls
from birthcert.sandbox.front.http_messages import HttpRequest, HttpResponse
from birthcert.sandbox.state import SandboxState

PREFIX: Final = "/_sandbox/"
Books = Callable[[], dict[str, list[dict[str, Any]]]]
Page = Callable[[HttpRequest], HttpResponse]

# Read-only pages that other parts of the sandbox offer: name -> what the page shows.
_registered: dict[str, Callable[[], object]] = {}


def register(name: str, provider: Callable[[], object]) -> None:
    """Offer `GET /_sandbox/NAME`, which answers with `{NAME: provider()}` as JSON."""
    _registered[name] = provider


def forget_registered() -> None:
    """Drop the pages of a sandbox that has ended."""
    _registered.clear()


class Pages:
    """calls, books, faults and what was registered; anything else is 404."""

    def __init__(self, state: SandboxState, calls: Calls, books: Books) -> None:
        self._state, self._calls, self._books = state, calls, books
        self._pages: dict[tuple[str, str], Page] = {
            ("GET", ""): lambda _request: _json(self._index()),
            ("GET", "calls"): lambda _request: _json({"calls": calls.counts()}),
            ("DELETE", "calls"): self._reset_calls,
            ("GET", "books"): lambda _request: _json(self._books()),
            ("GET", "faults"): lambda _request: self._knobs(),
            ("POST", "faults"): self._set_knobs,
            ("DELETE", "faults"): self._reset_knobs,
        }

    def answer(self, request: HttpRequest) -> HttpResponse:
        """The page that the request asks for."""
        name = request.path.removeprefix(PREFIX.rstrip("/")).strip("/")
        page = self._pages.get((request.method, name))
        if page is not None:
            return page(request)
        if name in _registered and request.method == "GET":
            return _json({name: _registered[name]()})
        names = self._names()
        if name in names or not name:
            return _json({"message": f"{request.method} means nothing on this page"}, 405)
        listed = ", ".join(names)
        return _json({"message": f"no page {name}; there are: {listed}"}, 404)

    def _names(self) -> list[str]:
        return sorted({name for _, name in self._pages if name} | _registered.keys())

    def _index(self) -> dict[str, object]:
        return {
            "sandbox": "birthcert's local stand-in for AWS: no production CA",
            "instance": self._state.instance,
            "version": version("birthcert"),
            "account_id": self._state.account,
            "region": self._state.region,
            "pages": [PREFIX + name for name in self._names()],
        }

    def _reset_calls(self, _request: HttpRequest) -> HttpResponse:
        self._calls.reset()
        return _json({"calls": {}})

    def _knobs(self) -> HttpResponse:
        return _json(self._state.knobs.now.model_dump(mode="json"))

    def _reset_knobs(self, _request: HttpRequest) -> HttpResponse:
        self._state.knobs.reset()
        return self._knobs()

    def _set_knobs(self, request: HttpRequest) -> HttpResponse:
        try:
            changes = json.loads(request.body)
        except ValueError as error:
            return _json({"message": f"the body is not JSON: {error}"}, 400)
        if not isinstance(changes, dict):
            return _json({"message": "the body is not a JSON object of knobs"}, 400)
        try:
            self._state.knobs.update(changes)
        except pydantic.ValidationError as error:
            return _json({"message": _one_line(error)}, 400)
        return self._knobs()


def _one_line(error: pydantic.ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(place) for place in detail['loc'])}: {detail['msg']}"
        for detail in error.errors()
    )


def _json(content: object, status: int = 200) -> HttpResponse:
    body = json.dumps(content, default=str).encode() + b"\n"
    return HttpResponse(status, body, {"Content-Type": "application/json"})
