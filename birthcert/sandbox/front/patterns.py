"""The regular expressions of AWS's models, which are Java's, as Python's."""

import functools
import re
import sys
import unicodedata
from typing import Final

_JAVA_POSIX: Final = {"Graph": "!-~", "Upper": "A-Z", "Digit": "0-9", "Cntrl": "\\x00-\\x1f\\x7f"}
_PROPERTY: Final = re.compile(r"\\p\{(\w+)\}")


@functools.cache
def _ranges_by_category() -> dict[str, str]:
    ranges: dict[str, list[str]] = {}
    start, category = 0, unicodedata.category("\0")[0]
    for point in range(1, sys.maxunicode + 2):
        here = unicodedata.category(chr(point))[0] if point <= sys.maxunicode else ""
        if here != category:
            ranges.setdefault(category, []).append(f"\\U{start:08x}-\\U{point - 1:08x}")
            start, category = point, here
    return {name: "".join(parts) for name, parts in ranges.items()}


def _property(match: re.Match[str]) -> str:
    name = match[1]
    return _JAVA_POSIX[name] if name in _JAVA_POSIX else _ranges_by_category()[name]


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""A model's pattern, to be used with `fullmatch`; `\p{L}` and its like are spelled out.

    re.error or KeyError for one that Python cannot say (there is none in the models used).
    """
    return re.compile(_PROPERTY.sub(_property, pattern), re.ASCII)
