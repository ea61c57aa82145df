"""The dashboard and the alerts ask for metrics that there are, by labels that they have."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from birthcert.metrics.meters import Meters

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\bbirthcert_\w+")
SELECTOR = re.compile(r"(birthcert_\w+)\{([^}]*)\}")
BY = re.compile(r"\bby \(([^)]*)\)")


def samples() -> dict[str, set[str]]:
    """Every sample that a process can write, with its labels."""
    meters, now = Meters(), datetime.now(UTC)
    meters.device("acme", "aws:1:eu-west-1", "issued")
    meters.call("acm-pca", "IssueCertificate", "ok", 0.1)
    meters.quota("aws:1:eu-west-1", "acm-pca.IssueCertificate", 25)
    meters.authority("acme", "aws:1:eu-west-1", now)
    meters.canary_passed("acme", "aws:1:eu-west-1", now)
    found: dict[str, set[str]] = {}
    for family in meters.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


KNOWN = samples()


def shown() -> Iterator[tuple[str, str]]:
    """What each panel, variable and alert asks for."""
    dashboard = json.loads((DEPLOY / "grafana" / "birthcert.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["name"], variable["query"]
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


@pytest.mark.parametrize("expression", [pytest.param(each, id=title) for title, each in shown()])
def test_what_is_asked_for_exists(expression: str) -> None:
    """Names, labels in selectors, labels to sum by; and the brackets are closed."""
    names = set(NAME.findall(expression))
    assert names
    assert names <= set(KNOWN)
    for name, selector in SELECTOR.findall(expression):
        assert set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"", selector)) <= KNOWN[name]
    for labels in BY.findall(expression):
        assert {each.strip() for each in labels.split(",")} <= set().union(
            *(KNOWN[name] for name in names)
        )
    assert all(expression.count(left) == expression.count(right) for left, right in ("()", "{}"))


def test_everything_that_is_counted_is_shown() -> None:
    """No metric is kept that nobody looks at."""
    asked = {name for _, expression in shown() for name in NAME.findall(expression)}
    families = {re.sub("_(total|bucket|count|sum|created)$", "", name) for name in KNOWN}
    assert {re.sub("_(total|bucket|count|sum)$", "", name) for name in asked} == families


def test_panels_have_places_of_their_own() -> None:
    """No two panels overlap."""
    dashboard = json.loads((DEPLOY / "grafana" / "birthcert.json").read_text())
    cells = [
        (x, y)
        for spot in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(spot["x"], spot["x"] + spot["w"])
        for y in range(spot["y"], spot["y"] + spot["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_each_alert_says_what_to_do() -> None:
    """Who is woken is told what is wrong and what to do."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
