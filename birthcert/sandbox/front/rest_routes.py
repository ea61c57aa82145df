"""Which operation of a REST service a request means, by the model's HTTP bindings."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from birthcert.sandbox.front.http_messages import HttpRequest


@dataclass(frozen=True)
class _Route:
    """One operation: its path's segments, and what else tells it from those of the same path."""

    action: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: tuple[str, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """Best match first: most literal segments, then most constraints."""
        literal = sum(not segment.startswith("{") for segment in self.segments)
        return -literal, -len(self.query) - len(self.headers)

    def labels(self, parts: list[str]) -> dict[str, str] | None:
        """The labels' values, decoded; None where a literal segment differs."""
        found: dict[str, str] = {}
        for place, segment in enumerate(self.segments):
            if not segment.startswith("{"):
                if segment != parts[place]:
                    return None
            elif segment.endswith("+}"):
                found[segment[1:-2]] = unquote("/".join(parts[place:]))
            else:
                found[segment[1:-1]] = unquote(parts[place])
        return found

    def is_meant_by(self, request: HttpRequest) -> bool:
        """Whether the query string and the headers hold all that this operation needs."""
        query = request.query_values
        return all(header in request.headers for header in self.headers) and all(
            name in query and (not value or value in query[name]) for name, value in self.query
        )


class RestRoutes:
    """The operations of a rest-json or rest-xml service, found by method and path."""

    def __init__(self, model: Any) -> None:
        self._exact: dict[tuple[str, int], list[_Route]] = defaultdict(list)
        self._greedy: dict[str, list[_Route]] = defaultdict(list)
        operations = [model.operation_model(name) for name in model.operation_names]
        sharing = Counter(_binding(operation) for operation in operations)
        for operation in operations:
            self._add(operation, shared=sharing[_binding(operation)] > 1)
        for routes in (*self._exact.values(), *self._greedy.values()):
            routes.sort(key=lambda route: route.rank)

    def _add(self, operation: Any, *, shared: bool) -> None:
        path, _, query = operation.http["requestUri"].partition("?")
        segments = tuple(path.strip("/").split("/"))
        literals = {
            name: values[0]
            for name, values in parse_qs(query, keep_blank_values=True).items()
            if name != "x-id"  # some clients leave it out
        }
        # what is required tells operations of one path apart; else its lack is a validation error
        needed = dict.fromkeys(_required(operation, "querystring"), "") if shared else {}
        headers = tuple(_required(operation, "header")) if shared else ()
        route = _Route(operation.name, segments, tuple((needed | literals).items()), headers)
        method = operation.http["method"]
        if segments[-1].endswith("+}"):
            self._greedy[method].append(route)
        else:
            self._exact[method, len(segments)].append(route)

    def match(self, request: HttpRequest) -> tuple[str, dict[str, str]] | None:
        """The operation's name and its path labels, or None."""
        parts = request.path.strip("/").split("/")
        greedy = [
            route
            for route in self._greedy.get(request.method, ())
            if len(parts) >= len(route.segments)
        ]
        for route in (*self._exact.get((request.method, len(parts)), ()), *greedy):
            labels = route.labels(parts)
            if labels is not None and route.is_meant_by(request):
                return route.action, labels
        return None


def _binding(operation: Any) -> tuple[str, str]:
    path = operation.http["requestUri"].partition("?")[0]
    return operation.http["method"], re.sub(r"\{[^}+]+", "{", path)


def _required(operation: Any, location: str) -> list[str]:
    shape = operation.input_shape
    if shape is None:
        return []
    members = [shape.members[name].serialization for name in shape.required_members]
    return [
        each["name"].lower() if location == "header" else each["name"]
        for each in members
        if each.get("location") == location
    ]
