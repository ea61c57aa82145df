"""Topic names and filters: what AWS IoT allows. Pure."""

from birthcert import limits

RESERVED_LEVELS = 3  # `$aws/rules/NAME` and the like do not count against the slashes


def topic_problem(topic: str) -> str | None:
    """Why AWS IoT refuses to publish to `topic`, or None."""
    if "+" in topic or "#" in topic:
        return f"the topic {topic!r} holds a wildcard"
    return _problem(topic)


def filter_problem(topic_filter: str) -> str | None:
    """Why AWS IoT refuses to subscribe to `topic_filter`, or None."""
    levels = unshared(topic_filter).split("/")
    for index, level in enumerate(levels):
        if ("+" in level or "#" in level) and len(level) > 1:
            return f"a wildcard must be a whole level in {topic_filter!r}"
        if level == "#" and index != len(levels) - 1:
            return f"# must be the last level in {topic_filter!r}"
    if topic_filter.startswith("$share/") and share_group(topic_filter) is None:
        return f"{topic_filter!r} is no shared subscription: $share/GROUP/FILTER"
    return _problem(unshared(topic_filter))


def _problem(text: str) -> str | None:
    if not text or "\0" in text:
        return "a topic has at least one character and no NUL"
    size = len(text.encode())
    if size > limits.TOPIC_MAX_BYTES:
        return f"the topic is {size} bytes long, the limit is {limits.TOPIC_MAX_BYTES}"
    slashes = text.count("/") - (RESERVED_LEVELS if text.startswith("$aws/") else 0)
    if slashes > limits.TOPIC_MAX_SLASHES:
        return f"the topic has {slashes} slashes, the limit is {limits.TOPIC_MAX_SLASHES}"
    return None


def share_group(topic_filter: str) -> str | None:
    """The group of a shared subscription `$share/GROUP/FILTER`, else None."""
    parts = topic_filter.split("/", 2)
    if len(parts) == 3 and parts[0] == "$share" and parts[1] and parts[2]:
        return parts[1]
    return None


def unshared(topic_filter: str) -> str:
    """The filter without its `$share/GROUP/`."""
    group = share_group(topic_filter)
    return topic_filter if group is None else topic_filter.split("/", 2)[2]
