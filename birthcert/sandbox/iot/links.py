"""What hangs on what: principals on things, and policies on principals, looked up both ways."""

from dataclasses import dataclass

from birthcert.sandbox.iot.place import Place


@dataclass(frozen=True)
class Link:
    """One attachment of a target (thing or policy name) to a principal (certificate ARN)."""

    principal: str
    target: str
    serial: int
    exclusive: bool = False


class Links:
    """A set of attachments with an index on either side."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._by_principal: dict[str, dict[str, Link]] = {}
        self._by_target: dict[str, dict[str, Link]] = {}
        self._detached_at: dict[str, float] = {}

    def attach(self, principal: str, target: str, *, exclusive: bool = False) -> None:
        """Attach once; attaching again changes nothing."""
        if target in self._by_principal.get(principal, {}):
            return
        link = Link(principal, target, next(self._place.serials), exclusive)
        self._by_principal.setdefault(principal, {})[target] = link
        self._by_target.setdefault(target, {})[principal] = link
        self._place.touched.append(principal.rpartition("/")[2])

    def detach(self, principal: str, target: str) -> bool:
        """Take an attachment away; whether there was one."""
        if self._by_principal.get(principal, {}).pop(target, None) is None:
            return False
        del self._by_target[target][principal]
        for index, key in ((self._by_principal, principal), (self._by_target, target)):
            if not index[key]:
                del index[key]
            self._detached_at[key] = self._place.state.clock()
        self._place.touched.append(principal.rpartition("/")[2])
        return True

    def of_principal(self, principal: str) -> list[Link]:
        """The attachments of a principal, in the order they were made."""
        return list(self._by_principal.get(principal, {}).values())

    def of_target(self, target: str) -> list[Link]:
        """The attachments of a thing or policy, in the order they were made."""
        return list(self._by_target.get(target, {}).values())

    def holds(self, name: str) -> bool:
        """Whether a principal or target counts as attached: AWS takes a while to let go [32]."""
        if name in self._by_principal or name in self._by_target:
            return True
        knobs = self._place.state.knobs.now
        gone = self._place.state.clock() - self._detached_at.get(name, float("-inf"))
        return gone < knobs.detach_seconds

    def touch(self, target: str) -> None:
        """Tell the listeners that what hangs on these principals has changed."""
        for principal in self._by_target.get(target, {}):
            self._place.touched.append(principal.rpartition("/")[2])
