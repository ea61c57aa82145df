"""Which subscriptions a topic reaches."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class _Node(Generic[Value]):
    children: dict[str, "_Node[Value]"] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)


class TopicTree(Generic[Value]):
    """Values filed under (filter, key), found by topic: a look-up costs the topic's depth.

    A wildcard in the first level does not reach topics that begin with `$`.
    """

    def __init__(self) -> None:
        self._root: _Node[Value] = _Node()

    def put(self, topic_filter: str, key: str, value: Value) -> None:
        """File `value`, replacing what was there under the same filter and key."""
        node = self._root
        for level in topic_filter.split("/"):
            node = node.children.setdefault(level, _Node())
        node.values[key] = value

    def remove(self, topic_filter: str, key: str) -> None:
        """Take it out; nothing happens where it is not there."""
        path: list[tuple[_Node[Value], str]] = []
        node = self._root
        for level in topic_filter.split("/"):
            if level not in node.children:
                return
            path.append((node, level))
            node = node.children[level]
        node.values.pop(key, None)
        for parent, level in reversed(path):
            child = parent.children[level]
            if child.values or child.children:
                return
            del parent.children[level]

    def match(self, topic: str) -> Iterator[tuple[str, Value]]:
        """Every (key, value) whose filter matches `topic`."""
        levels = topic.split("/")
        nodes = [self._root]
        for index, level in enumerate(levels):
            wild = not (index == 0 and topic.startswith("$"))
            if wild:
                yield from _values(nodes, "#")
            nodes = [
                node.children[name]
                for node in nodes
                for name in ((level, "+") if wild else (level,))
                if name in node.children
            ]
        for node in nodes:
            yield from node.values.items()
        yield from _values(nodes, "#")


def _values(nodes: list[_Node[Value]], level: str) -> Iterator[tuple[str, Value]]:
    for node in nodes:
        if level in node.children:
            yield from node.children[level].values.items()
