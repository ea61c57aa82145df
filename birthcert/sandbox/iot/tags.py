"""Tags in AWS IoT, on CA certificates, thing types and policies."""

from collections.abc import Callable

from birthcert.sandbox.iot.answers import invalid_request, not_found
from birthcert.sandbox.iot.names import check_tag_count, tags_of
from birthcert.sandbox.iot.place import Action, Params, Place, text

FindTags = Callable[[str], dict[str, str] | None]


class Tags:
    """Tags by ARN; `kinds` finds the tags of a resource by the name after the slash."""

    def __init__(self, place: Place, kinds: dict[str, FindTags]) -> None:
        self._place, self._kinds = place, kinds
        self.actions: dict[str, Action] = {
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def tag(self, params: Params) -> Params:
        """TagResource: adds, and overwrites what has the same key."""
        held = self._held(params)
        merged = {**held, **tags_of(params.get("tags"))}
        check_tag_count(merged)
        held.update(merged)
        return {}

    def untag(self, params: Params) -> Params:
        """UntagResource: keys that are not there do not matter."""
        held = self._held(params)
        keys = params.get("tagKeys")
        for key in keys if isinstance(keys, list) else []:
            held.pop(key, None)
        return {}

    def list_tags(self, params: Params) -> Params:
        """ListTagsForResource: fifty at most, so always one page."""
        return {"tags": [{"Key": key, "Value": value} for key, value in self._held(params).items()]}

    def _held(self, params: Params) -> dict[str, str]:
        arn = text(params, "resourceArn")
        kind, _, name = arn.removeprefix(self._place.arn("", "")[:-1]).partition("/")
        if kind not in self._kinds:
            raise invalid_request(f"The resource {arn} cannot be tagged here")
        held = self._kinds[kind](name)
        if held is None:
            raise not_found(f"The resource {arn} does not exist")
        return held
