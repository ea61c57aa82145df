"""Idempotency tokens: the same token within its life means the same thing was asked for [6]."""

from collections import OrderedDict

Key = tuple[str, str, str]


class TokenBook:
    """Which ARN a token led to: key is (action, authority ARN or empty, token).

    As in AWS only the token counts: other parameters may differ. Not thread-safe by itself.
    """

    def __init__(self) -> None:
        self._made: OrderedDict[Key, tuple[str, float]] = OrderedDict()

    def recall(self, key: Key, now: float, lifetime_seconds: float) -> str | None:
        """The ARN that this token made less than `lifetime_seconds` ago."""
        arn, made_at = self._made.get(key, ("", 0.0))
        return arn if arn and now - made_at < lifetime_seconds else None

    def remember(self, key: Key, arn: str, now: float, lifetime_seconds: float) -> None:
        """Note what a token made, and forget the tokens that are over."""
        while self._made and now - next(iter(self._made.values()))[1] >= lifetime_seconds:
            self._made.popitem(last=False)
        self._made.pop(key, None)
        self._made[key] = (arn, now)
