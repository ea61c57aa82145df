"""Pages of AWS IoT's lists: a marker names the last thing seen, so deletions do not shift them."""

import base64
import binascii
from collections.abc import Collection, Iterator
from itertools import dropwhile, islice
from typing import Final, Protocol, TypeVar

from birthcert.sandbox.iot.answers import invalid_request
from birthcert.sandbox.iot.place import Params, flag, optional_text

MAX_PAGE: Final = 250
CERTIFICATE_PAGE: Final = 25  # [21]
REGISTRY_PAGE: Final = 50  # [inf] AWS names no default for things, thing types and policies


class Numbered(Protocol):
    """Anything with its number in the order of creation."""

    @property
    def serial(self) -> int: ...


T = TypeVar("T", bound=Numbered)


def page_by_marker(
    records: Collection[T], params: Params, *, default: int
) -> tuple[list[T], str | None]:
    """A page by `marker`, `pageSize` and `ascendingOrder`; newest first unless asked otherwise.

    `records` must stand in the order of their serials. Returns the page and the next marker.
    """
    size = _size(params.get("pageSize"), default)
    marker = optional_text(params, "marker")
    return _page(list(records), marker, size, ascending=flag(params, "ascendingOrder"))


def page_by_token(records: Collection[T], params: Params) -> tuple[list[T], str | None]:
    """A page by `nextToken` and `maxResults`, oldest first."""
    size = _size(params.get("maxResults"), REGISTRY_PAGE)
    return _page(list(records), optional_text(params, "nextToken"), size, ascending=True)


def _page(
    records: list[T], marker: str | None, size: int, *, ascending: bool
) -> tuple[list[T], str | None]:
    ordered: Iterator[T] = iter(records) if ascending else reversed(records)
    if marker:
        last = _decoded(marker)
        ordered = dropwhile(
            lambda record: record.serial <= last if ascending else record.serial >= last, ordered
        )
    found = list(islice(ordered, size + 1))
    page = found[:size]
    return page, _encoded(page[-1].serial) if len(found) > size else None


def _size(asked: object, default: int) -> int:
    if asked is None:
        return default
    if not isinstance(asked, int) or not 1 <= asked <= MAX_PAGE:
        raise invalid_request(f"The page size must be between 1 and {MAX_PAGE}")
    return asked


def _encoded(serial: int) -> str:
    return base64.b64encode(str(serial).encode()).decode()


def _decoded(marker: str) -> int:
    try:
        return int(base64.b64decode(marker, validate=True))
    except (binascii.Error, ValueError) as error:
        raise invalid_request("The marker or token is invalid") from error
