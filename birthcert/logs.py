"""Log lines that say whose work it is: tenant, place and step, and the request id of AWS."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from birthcert.errors import BirthcertError, ConfigurationError
from birthcert.settings import load_settings

# beside the message: facts of an error or a call of AWS, and what Prefect says of its run
FACTS: Final = ("service", "action", "code", "status", "request_id")
WORK: Final = ("tenant", "place", "step")
PREFECT_FACTS: Final = ("flow_run_name", "flow_run_id", "task_run_name", "task_run_id")
_ON_RECORDS: Final = (*WORK, *FACTS, *PREFECT_FACTS)


@dataclass(frozen=True)
class Work:
    """What a thread works on; empty: it is not known yet."""

    tenant: str = ""
    place: str = ""
    step: str = ""


_current: ContextVar[Work] = ContextVar("birthcert_work", default=Work())  # noqa: B039 - frozen


def current_work() -> Work:
    """What this thread works on."""
    return _current.get()


@contextmanager
def working_on(work: Work) -> Iterator[None]:
    """Log lines of the block are about this work, and so is an error that leaves it."""
    token = _current.set(work)
    try:
        yield
    except BirthcertError as error:
        error.facts = asdict(work) | error.facts
        raise
    finally:
        _current.reset(token)


def carried() -> Callable[[], object]:
    """An initializer for a pool's threads: they work on what the calling thread works on."""
    return partial(_current.set, _current.get())


class JsonLines(logging.Formatter):
    """A record as one line of JSON; only facts with a name known here are on it."""

    def __init__(self, *_format: object, **_named: object) -> None:
        # Prefect's logging.yml gives its json formatter a format
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """`time` (UTC), `level`, `logger`, `message`, then the facts that there are."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        error = record.exc_info[1] if record.exc_info else None
        facts = asdict(_current.get()) | facts_of(error)
        facts |= {name: getattr(record, name) for name in _ON_RECORDS if hasattr(record, name)}
        line |= {name: value for name, value in facts.items() if value not in ("", None)}
        if error is not None and record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def facts_of(error: object) -> dict[str, Any]:
    """The facts of an error that have a place on a log line."""
    if not isinstance(error, BirthcertError):
        return {}
    return {name: error.facts[name] for name in (*WORK, *FACTS) if name in error.facts}


def formatter() -> logging.Formatter:
    """How lines look by the settings: for people, or as JSON."""
    if load_settings().log_format == "json":
        return JsonLines()
    return logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")


def error_line(message: str, error: object = None) -> str:
    """The last line of a command that failed, in the form that the settings ask for."""
    message = " ".join(message.split())
    try:
        as_json = isinstance(formatter(), JsonLines)
    except ConfigurationError:
        as_json = False  # the very error that is to be said
    if not as_json:
        return f"error: {message}"
    record = logging.LogRecord("birthcert", logging.ERROR, "", 0, message, None, None)
    record.__dict__.update(facts_of(error))
    return JsonLines().format(record)
