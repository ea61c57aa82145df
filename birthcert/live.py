"""How far a batch is, on stderr: a bar where that is a terminal, else a line now and then."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from birthcert.console import Show
from birthcert.issuance.progress import BatchProgress, Follow, follower
from birthcert.settings import load_settings

LINE_SECONDS: Final = 15.0
log = logging.getLogger(__name__)


@contextmanager
def live_progress(show: Show, console: Console) -> Iterator[None]:
    """Inside, batches of this context are shown on the console; nothing is, where quiet."""
    if show.quiet:
        yield
    elif console.is_terminal and load_settings().log_format != "json":
        with _bar(console) as bar, _followed_by(bar):
            yield
    else:
        with _followed_by(_Lines(time.monotonic)):
            yield


@contextmanager
def _followed_by(follow: Follow) -> Iterator[None]:
    token = follower.set(follow)
    try:
        yield
    finally:
        follower.reset(token)


@contextmanager
def _bar(console: Console) -> Iterator[Follow]:
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:

        def follow(progress: BatchProgress) -> None:
            # the bar appears with the batch: the steps before it have their lines
            task = bar.task_ids[0] if bar.task_ids else bar.add_task("")
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                description=progress.line(),
            )

        yield follow


class _Lines:
    """Logs a line every 15 seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due = clock() + LINE_SECONDS

    def __call__(self, progress: BatchProgress) -> None:
        if self._clock() >= self._due:
            self._due = self._clock() + LINE_SECONDS
            log.info("%s", progress.line())
