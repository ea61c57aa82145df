"""The forms of Prefect's UI are made from the requests: order, help and groups of every field."""

from collections.abc import Iterator
from typing import Any

import pytest

from birthcert.models import (
    BootstrapRequest,
    CanaryRequest,
    FleetRequest,
    InboxRequest,
    IssueRequest,
    ReconcileRequest,
)

REQUESTS = (BootstrapRequest, CanaryRequest, InboxRequest, IssueRequest, ReconcileRequest)
every_form = pytest.mark.parametrize(
    "request_model", [*REQUESTS, FleetRequest], ids=lambda each: each.__name__
)


def groups(request_model: Any) -> Iterator[dict[str, Any]]:
    """The schema of a form and of each group in it."""
    schema = request_model.model_json_schema()
    yield schema
    yield from (each for each in schema.get("$defs", {}).values() if "properties" in each)


@every_form
def test_fields_are_numbered_in_their_order(request_model: Any) -> None:
    """A database that forgets the order of a form's fields does not lose it."""
    for group in groups(request_model):
        positions = [field["position"] for field in group["properties"].values()]
        assert positions == list(range(len(positions)))


@every_form
def test_every_field_has_help(request_model: Any) -> None:
    """Each says what it is for, itself, by what it is, or in the text of its group."""
    schema = request_model.model_json_schema()
    for group in groups(request_model):
        for name, field in group["properties"].items():
            reference = field.get("$ref", "").rpartition("/")[2]
            helped = field.get("description") or schema["$defs"].get(reference)
            assert helped or f"`{name}`" in group["description"], name


def test_a_fleets_form_begins_with_whose_and_where() -> None:
    """Tenant and places stand first."""
    assert list(FleetRequest.model_json_schema()["properties"])[:2] == ["tenant", "places"]


@pytest.mark.parametrize("request_model", REQUESTS, ids=lambda each: each.__name__)
def test_a_form_begins_with_whose_and_where(request_model: Any) -> None:
    """Tenant, account and region stand first, and the tenant alone must be given by all."""
    schema = request_model.model_json_schema()
    assert list(schema["properties"])[:4] == ["tenant", "account", "region", "account_block"]
    assert "tenant" in schema["required"]
    assert "account" not in schema["required"]


def test_groups_are_named_for_people() -> None:
    """Not by the name of a class."""
    titles = {group["title"] for group in groups(BootstrapRequest)}
    assert {"Certificate authority", "Subject", "Device policy"} < titles
    assert not [title for title in titles if title.endswith("Options")]
