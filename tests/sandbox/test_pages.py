"""The pages under `/_sandbox/`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from birthcert.sandbox import pages
from birthcert.sandbox.front.calls import Calls
from birthcert.sandbox.front.http_messages import HttpRequest
from birthcert.sandbox.knobs import Knobs
from birthcert.sandbox.pages import Pages
from birthcert.sandbox.state import SandboxState

BOOKS = {"authorities": [{"arn": "arn:x"}], "certificates": []}


class Site:
    """The pages of a sandbox that does nothing else."""

    def __init__(self) -> None:
        self.state, self.calls = SandboxState(instance="abc"), Calls()
        self.pages = Pages(self.state, self.calls, lambda: BOOKS)

    def visit(self, name: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.pages.answer(HttpRequest(method, f"/_sandbox/{name}", "", {}, content))
        return answer.status, json.loads(answer.body)


@pytest.fixture
def site() -> Iterator[Site]:
    yield Site()
    pages.forget_registered()


def test_index_names_the_sandbox_and_its_pages(site: Site) -> None:
    """The first page says what this is and where else to look."""
    status, index = site.visit("")
    assert status == 200
    assert index["instance"] == "abc"
    assert index["pages"] == ["/_sandbox/books", "/_sandbox/calls", "/_sandbox/faults"]


def test_calls_are_counted_by_outcome_and_reset(site: Site) -> None:
    """Calls are split into ok and error codes; DELETE starts anew."""
    for outcome in ("ok", "ok", "ThrottlingException"):
        site.calls.count("acm-pca.IssueCertificate", outcome)
    counts = {"acm-pca.IssueCertificate": {"ok": 2, "ThrottlingException": 1}}
    assert site.visit("calls") == (200, {"calls": counts})
    assert site.visit("calls", "DELETE") == (200, {"calls": {}})
    assert site.visit("calls") == (200, {"calls": {}})


def test_books(site: Site) -> None:
    """The books are shown as they are."""
    assert site.visit("books") == (200, BOOKS)


def test_knobs_are_merged_and_reset(site: Site) -> None:
    """POST sets the named knobs and keeps the others; DELETE goes back to the start."""
    status, knobs = site.visit("faults", "POST", {"iam_delay_seconds": 20})
    assert (status, knobs["iam_delay_seconds"]) == (200, 20)
    rule = {"action": "iot.*", "effect": "drop", "every": 10}
    _, knobs = site.visit("faults", "POST", {"calls": [rule]})
    assert knobs["iam_delay_seconds"] == 20
    assert knobs["calls"][0]["every"] == 10
    assert site.state.knobs.now.calls[0].effect == "drop"
    assert site.visit("faults", "DELETE")[1] == Knobs().model_dump(mode="json")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"no_such_knob": 1}, "no_such_knob: Extra inputs", id="unknown knob"),
        pytest.param({"iam_delay_seconds": -1}, "iam_delay_seconds: Input should", id="negative"),
        pytest.param({"calls": [{"effect": "explode"}]}, "calls.0.effect: ", id="unknown effect"),
        pytest.param([1], "not a JSON object", id="a list"),
        pytest.param(None, "not JSON", id="nothing"),
    ],
)
def test_a_wrong_knob_is_one_line(site: Site, body: object, message: str) -> None:
    """A wrong knob is 400 with its name in one line, and nothing changes."""
    status, answer = site.visit("faults", "POST", body)
    assert status == 400
    assert message in answer["message"]
    assert "\n" not in answer["message"]
    assert site.state.knobs.now == Knobs()


def test_other_parts_offer_pages(site: Site) -> None:
    """A registered page shows what its provider says at that time."""
    failures: list[str] = []
    pages.register("provisioning", lambda: failures)
    failures.append("no thing type")
    assert site.visit("provisioning") == (200, {"provisioning": ["no thing type"]})
    assert "/_sandbox/provisioning" in site.visit("")[1]["pages"]


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        pytest.param("cals", "GET", 404, id="no such page"),
        pytest.param("books", "DELETE", 405, id="no such method"),
    ],
)
def test_wrong_pages(site: Site, name: str, method: str, status: int) -> None:
    """A page or a method that is not there says so."""
    assert site.visit(name, method)[0] == status
