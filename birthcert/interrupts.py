"""Ctrl-C and SIGTERM: the first asks a run to end well, a second one ends the process at once."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

EXIT_CODE: Final = 130
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_NOTICE: Final = b"\nending the calls in flight; Ctrl-C again ends at once\n"

# Set by the first signal: no call is worth another try from then on.
asked_to_end = threading.Event()


@contextmanager
def heeded() -> Iterator[None]:
    """Inside, in the main thread, the first of the two signals raises KeyboardInterrupt.

    A second one ends the process with EXIT_CODE, as abruptly as a crash, which loses nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _heed) for number in _SIGNALS}
    try:
        yield
    finally:
        asked_to_end.clear()
        for number, handler in previous.items():
            signal.signal(number, handler)


def how_to_go_on() -> str:
    """What to tell the user of an interrupted command: how the work is finished."""
    command = shlex.join(["birthcert", *sys.argv[1:]])
    return f"interrupted; what was bought is on file. To go on where it stopped, run: {command}"


def _heed(_number: int, _frame: FrameType | None) -> None:
    if asked_to_end.is_set():
        os._exit(EXIT_CODE)
    asked_to_end.set()
    # not by print: the signal may have come in the middle of one
    os.write(2, _NOTICE)
    raise KeyboardInterrupt
