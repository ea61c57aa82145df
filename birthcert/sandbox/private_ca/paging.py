"""Pages of a list: opaque tokens that survive additions."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final

from birthcert.sandbox.errors import AwsError

PAGE_MAX: Final = 100  # MaxResults may be 1000, but no more than this comes back [18]


def page(keys: Sequence[str], params: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """One page of the keys, and `{"NextToken": ...}` where more follow.

    Reads `MaxResults` and `NextToken` of the request; the token names the last key given, so
    keys added later do not shift a page. InvalidNextTokenException for a token not from here.
    """
    start = 0
    if token := params.get("NextToken"):
        start = _position(keys, token) + 1
    size = min(int(params.get("MaxResults") or PAGE_MAX), PAGE_MAX)
    chosen = list(keys[start : start + size])
    if start + size >= len(keys):
        return chosen, {}
    return chosen, {"NextToken": base64.urlsafe_b64encode(chosen[-1].encode()).decode()}


def _position(keys: Sequence[str], token: str) -> int:
    try:
        return keys.index(base64.b64decode(token, altchars=b"-_", validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise AwsError(
            "InvalidNextTokenException", "The token specified in NextToken is not valid."
        ) from error
