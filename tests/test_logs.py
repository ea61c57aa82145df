"""Log lines: whose work, where, in which step, and what AWS called the request."""

import importlib
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pkgutil import iter_modules
from typing import Any

import pytest
from prefect import Task

import tasks
from birthcert import logs
from birthcert.errors import AwsCallFailed, BirthcertError
from birthcert.logs import JsonLines, Work, carried, error_line, working_on
from birthcert.models import BootstrapRequest, Place
from tasks.steps import told

WORK = Work(tenant="acme", place="aws:123456789012:eu-west-1", step="issue_chunk")
THROTTLED = AwsCallFailed(
    service="acm-pca",
    action="IssueCertificate",
    code="ThrottlingException",
    message="slow down",
    request_id="0f3c",
    status=400,
)


def line(message: str = "hello", *, error: Exception | None = None, **extra: Any) -> dict[str, Any]:
    """A record as JSON, parsed."""
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("birthcert.x", logging.WARNING, "", 0, message, None, info)
    record.__dict__.update(extra)
    text = JsonLines("default").format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_has_the_work_and_the_request() -> None:
    """One JSON object a line: moment in UTC, level, message, and the facts that there are."""
    with working_on(WORK):
        found = line("two\nlines", request_id="0f3c", action="IssueCertificate")
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "WARNING",
        "logger": "birthcert.x",
        "message": "two\nlines",
        "tenant": "acme",
        "place": "aws:123456789012:eu-west-1",
        "step": "issue_chunk",
        "action": "IssueCertificate",
        "request_id": "0f3c",
    }


def test_what_is_not_known_is_left_out() -> None:
    """No empty facts, and none after the work is over."""
    assert line().keys() == {"time", "level", "logger", "message"}


def test_only_facts_that_are_named_are_shown() -> None:
    """Something else on a record, a passphrase say, does not get onto the line."""
    assert "hush" not in json.dumps(line(passphrase="hush", Authorization="hush"))


def test_an_error_with_a_trace_gives_its_facts() -> None:
    """`log.exception` of a failed call carries code and request id as fields."""
    found = line(error=THROTTLED)
    assert (found["code"], found["request_id"], found["status"]) == (
        "ThrottlingException",
        "0f3c",
        400,
    )
    assert "slow down" in found["traceback"]


def test_threads_of_a_pool_work_on_the_same() -> None:
    """A pool that is made inside a step tells its step, on each thread."""
    with working_on(WORK):
        pool = ThreadPoolExecutor(2, initializer=carried())
    with pool:
        assert [found["tenant"] for found in pool.map(line, ["a", "b", "c"])] == ["acme"] * 3


def test_an_error_keeps_whose_work_it_was() -> None:
    """The command's last line is written outside the step and names it nevertheless."""
    with pytest.raises(BirthcertError) as caught, working_on(WORK):
        raise BirthcertError("it broke")
    assert logs.facts_of(caught.value)["step"] == "issue_chunk"


def test_a_step_names_tenant_place_and_itself(caplog: pytest.LogCaptureFixture) -> None:
    """What a task writes is about its request, in its place; before the place is known, without."""

    @told
    def look(request: BootstrapRequest, place: Place | None = None) -> dict[str, Any]:
        return line()

    place = Place(partition="aws", account="123456789012", region="eu-west-1")
    found = look(BootstrapRequest(tenant="acme"), place=place)
    assert (found["tenant"], found["place"], found["step"]) == ("acme", place.name, "look")
    assert "place" not in look(BootstrapRequest(tenant="acme"))


def test_every_task_is_entered_by_that_door() -> None:
    """A task without it would write lines that say nothing of their tenant."""
    modules = [
        importlib.import_module(f"tasks.{each.name}") for each in iter_modules(tasks.__path__)
    ]
    found = {each for module in modules for each in vars(module).values() if isinstance(each, Task)}
    assert len(found) > 20
    assert not [each.name for each in found if not hasattr(each.fn, "__wrapped__")]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("text", "error: it broke; mend it", id="for people"),
        pytest.param("xml", "error: it broke; mend it", id="a setting that is wrong itself"),
    ],
)
def test_the_last_line_is_for_people(
    monkeypatch: pytest.MonkeyPatch, setting: str, expected: str
) -> None:
    """`error: what is wrong; what to do`, whatever the message was broken into."""
    monkeypatch.setenv("BIRTHCERT_LOG_FORMAT", setting)
    assert error_line("it broke;\nmend it") == expected


def test_the_last_line_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where lines are JSON, so is the last one, with the error's facts."""
    monkeypatch.setenv("BIRTHCERT_LOG_FORMAT", "json")
    found = json.loads(error_line(str(THROTTLED), THROTTLED))
    assert (found["level"], found["action"]) == ("ERROR", "IssueCertificate")
    assert found["request_id"] == "0f3c"


def test_prefects_console_can_write_the_same_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The three variables of docs/production.md make a worker's lines JSON, Prefect's own too."""
    from prefect.logging.configuration import DEFAULT_LOGGING_SETTINGS_PATH, load_logging_config
    from prefect.logging.handlers import PrefectConsoleHandler

    monkeypatch.setenv("PREFECT_LOGGING_FORMATTERS_JSON_CLASS", "birthcert.logs.JsonLines")
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER", "json")
    config = load_logging_config(DEFAULT_LOGGING_SETTINGS_PATH)
    assert config["handlers"]["console"]["formatter"] == "json"
    only = {name: config["formatters"][name] for name in ("json",)}
    configurator = logging.config.DictConfigurator({"version": 1, "formatters": only})
    formatter = configurator.configure_formatter(only["json"])
    assert isinstance(formatter, JsonLines)
    handler = PrefectConsoleHandler(stream=sys.stderr)
    handler.setFormatter(formatter)
    record = logging.LogRecord("prefect.flow_runs", logging.INFO, "", 0, "[bold]Done", None, None)
    record.__dict__["flow_run_name"] = "issue · acme"
    handler.emit(record)
    found = json.loads(capsys.readouterr().err)
    assert (found["message"], found["flow_run_name"]) == ("[bold]Done", "issue · acme")
