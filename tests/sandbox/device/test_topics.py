"""Topics: what AWS IoT allows, and what a filter reaches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.device.topics import filter_problem, topic_problem
from birthcert.sandbox.device.topics import TopicTree

LEVELS = st.sampled_from(["a", "b", "", "$x"])


@pytest.mark.parametrize(
    ("topic", "part"),
    [
        pytest.param("a/+/b", "wildcard", id="plus"),
        pytest.param("a/#", "wildcard", id="hash"),
        pytest.param("", "at least one", id="empty"),
        pytest.param("a\0b", "NUL", id="nul"),
        pytest.param("é" * 129, "258 bytes", id="bytes-not-characters"),
        pytest.param("/" * 8, "8 slashes", id="eight-slashes"),
        pytest.param("$aws/rules/r/" + "/" * 8, "8 slashes", id="basic-ingest-too-deep"),
    ],
)
def test_a_topic_that_aws_refuses_is_refused_with_the_reason(topic: str, part: str) -> None:
    """Publishing to it is a problem that names the fact."""
    assert part in (topic_problem(topic) or "")


@pytest.mark.parametrize(
    "topic",
    [
        pytest.param("a/b/c/d/e/f/g/h", id="seven-slashes"),
        pytest.param("x" * 256, id="256-bytes"),
        pytest.param("$aws/rules/r/a/b/c/d/e/f/g/h", id="prefix-does-not-count"),
    ],
)
def test_a_topic_at_the_limit_is_allowed(topic: str) -> None:
    """The limits themselves are still good."""
    assert topic_problem(topic) is None


@pytest.mark.parametrize(
    ("topic_filter", "is_good"),
    [
        pytest.param("#", True, id="everything"),
        pytest.param("a/+/b/#", True, id="both-wildcards"),
        pytest.param("$share/group/a/#", True, id="shared"),
        pytest.param("a/#/b", False, id="hash-in-the-middle"),
        pytest.param("a/b+", False, id="half-a-level"),
        pytest.param("$share/group", False, id="shared-without-filter"),
        pytest.param("$share//a", False, id="shared-without-group"),
    ],
)
def test_filters_follow_the_wildcard_rules(topic_filter: str, is_good: bool) -> None:
    """Wildcards are whole levels, and # is the last."""
    assert (filter_problem(topic_filter) is None) is is_good


@pytest.mark.parametrize(
    ("topic_filter", "topic", "reached"),
    [
        pytest.param("a/b", "a/b", True, id="same"),
        pytest.param("a/b", "a/b/c", False, id="deeper"),
        pytest.param("a/+", "a/b", True, id="plus"),
        pytest.param("a/+", "a", False, id="plus-needs-a-level"),
        pytest.param("a/+", "a/", True, id="plus-takes-an-empty-level"),
        pytest.param("a/#", "a", True, id="hash-takes-the-parent"),
        pytest.param("a/#", "a/b/c", True, id="hash-takes-all-below"),
        pytest.param("#", "$aws/events/x", False, id="hash-not-for-dollar"),
        pytest.param("+/events/x", "$aws/events/x", False, id="plus-not-for-dollar"),
        pytest.param("$aws/events/#", "$aws/events/x", True, id="dollar-by-name"),
    ],
)
def test_a_filter_reaches_what_mqtt_says(topic_filter: str, topic: str, reached: bool) -> None:
    """Matching follows MQTT's section 4.7."""
    tree: TopicTree[int] = TopicTree()
    tree.put(topic_filter, "key", 1)
    assert (list(tree.match(topic)) == [("key", 1)]) is reached


@given(st.lists(LEVELS, min_size=1, max_size=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_topic_with_levels_made_plus_is_still_reached(
    levels: list[str], plus: list[bool]
) -> None:
    """Replacing levels but the first by + keeps the match; removing the filter ends it."""
    topic = "/".join(levels)
    chosen = [
        "+" if wild and i else level
        for i, (level, wild) in enumerate(zip(levels, plus, strict=False))
    ]
    tree: TopicTree[int] = TopicTree()
    tree.put("/".join(chosen), "key", 1)
    assert list(tree.match(topic)) == [("key", 1)]
    tree.remove("/".join(chosen), "key")
    assert list(tree.match(topic)) == []
