"""What the command line shows: one-line errors, exit codes, logs on stderr, JSON on stdout."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TextIO, TypeVar

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table

from birthcert import interrupts, logs
from birthcert.errors import BirthcertError, ConfigurationError

Report = TypeVar("Report", bound=BaseModel)
DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
PARTLY_DONE: Final = 3

# a file or a pipe has no width: ARNs must not be folded at column 80 there
PIPE_COLUMNS: Final = 220
out = Console(
    highlight=False,
    soft_wrap=True,
    emoji=False,
    width=None if sys.stdout.isatty() else PIPE_COLUMNS,
)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


@dataclass(frozen=True)
class Show:
    """How a command talks."""

    json: bool = False
    """Print exactly one JSON document on stdout; logs stay on stderr."""
    debug: bool = False
    """Show tracebacks and debug logs."""
    quiet: bool = False
    """No progress on stderr, only warnings and errors."""


def run_command(command: Callable[[], int], *, debug: bool) -> int:
    """The exit code of a command; whatever goes wrong becomes one line on stderr."""
    with interrupts.heeded():
        return _exit_code(command, debug=debug)


def _exit_code(command: Callable[[], int], *, debug: bool) -> int:
    try:
        return command()
    except KeyboardInterrupt:
        return _interrupted()
    except BirthcertError as error:
        if debug:
            raise
        print_error(str(error), error)
        return _interrupted() if interrupts.asked_to_end.is_set() else error.exit_code
    except Exception as error:
        # Ctrl-C reaches a server of our own too, and what it then fails to answer is no news
        if interrupts.asked_to_end.is_set():
            return _interrupted()
        if debug:
            raise
        name = type(error).__name__
        print_error(f"unexpected {name}: {error}; run again with --debug and report it")
        return FAILED


def _interrupted() -> int:
    err.print(interrupts.how_to_go_on(), markup=False)
    return interrupts.EXIT_CODE


def print_error(line: str, error: BirthcertError | None = None) -> None:
    """`error: what is wrong; what to do`, one line; of JSON where the logs are."""
    err.print(logs.error_line(line, error), markup=False)


@contextmanager
def usage_errors() -> Iterator[None]:
    """pydantic's complaints about a request as one ConfigurationError: nothing was touched."""
    try:
        yield
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))} {problem['input']!r}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
        raise ConfigurationError(
            "; ".join(problems), remedy="nothing was touched: correct the value"
        ) from None


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to stderr as it is at that moment: a bar that is on show takes lines in above it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def show_logs(show: Show) -> None:
    """Send the domain's log to stderr: steps at INFO, unless quiet or as JSON."""
    handler = _Stderr()
    handler.setFormatter(logs.formatter())
    level = logging.DEBUG if show.debug else logging.WARNING if show.quiet else logging.INFO
    handler.setLevel(level)
    logger = logging.getLogger("birthcert")
    logger.handlers = [h for h in logger.handlers if not isinstance(h, logging.StreamHandler)]
    logger.addHandler(handler)
    logger.setLevel(level)


def show_result(report: Report, show: Show, screen: Callable[[Report], None]) -> None:
    """A command's report on stdout: its JSON where that was asked for, else its screen."""
    if show.json:
        print_json(report)
    else:
        screen(report)


def print_json(model: BaseModel) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(model.model_dump_json(indent=2) + "\n")
    sys.stdout.flush()


def print_facts(title: str, facts: dict[str, object]) -> None:
    """A two-column table of facts on stdout."""
    table = Table(title=title, title_justify="left", show_header=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, str(value))
    out.print(table)


def print_rows(columns: list[str], rows: list[list[str]], title: str = "") -> None:
    """A table on stdout."""
    table = Table(title=title or None, title_justify="left", box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)
