"""Processes for work that only computes: signatures to verify, parts to compress.

Python runs one thread at a time, so the threads that call AWS would wait for every signature. A
second process has work while the first one's answer waits for this one to take it. They end with
their parent, and keep out of reach of signals to its group.
"""

import logging
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, Final, ParamSpec, Self, TypeVar

from birthcert.garbage import collect_rarely

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_SIZE_BYTES: Final = 8
PROCESSES: Final = 2
# items that are worth a call, and how many such calls are begun before one is asked for
AT_ONCE: Final = 500
AHEAD: Final = 3


def begun_ahead(items: Iterable[T], begin: Callable[[list[T]], R]) -> Iterator[R]:
    """What `begin` gives for each few hundred of the items, in order; the next few are begun
    before one is asked for."""
    iterator, line = iter(items), deque[R]()
    while True:
        while len(line) < AHEAD and (some := list(islice(iterator, AT_ONCE))):
            line.append(begin(some))
        if not line:
            return
        yield line.popleft()


class Helper:
    """Calls functions in other processes; used inside `with`, by any thread.

    Functions are given by their place in a module; arguments and results travel as pickles. The
    processes are started with the first calls, `processes` of them at most. Where one dies, this
    process does its work itself.
    """

    def __init__(self, processes: int = PROCESSES) -> None:
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        for _ in range(processes):
            self._idle.put(_Process())
        # its threads only write to a process and wait for it
        self._line = ThreadPoolExecutor(processes, thread_name_prefix="helper")

    def submit(
        self, function: Callable[P, R], /, *arguments: P.args, **keywords: P.kwargs
    ) -> "Future[R]":
        """The call's result once it is there."""
        return self._line.submit(self._call, function, arguments, keywords)

    def call(self, function: Callable[P, R], /, *arguments: P.args, **keywords: P.kwargs) -> R:
        """The call's result; what it raises is raised here."""
        return self.submit(function, *arguments, **keywords).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._line.shutdown(cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().end()

    def _call(
        self, function: Callable[..., R], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> R:
        process = self._idle.get()
        try:
            answer = process.ask((function, arguments, keywords))
        finally:
            self._idle.put(process)
        if answer is None:
            return function(*arguments, **keywords)
        failed, result = answer
        if failed:
            raise result
        return result  # type: ignore[no-any-return]


class _Process:
    """One process, started when it is first asked, and not again where it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = False

    def ask(self, question: object) -> tuple[bool, Any] | None:
        """(whether it raised, what came of it), or None where the process is gone."""
        if self._lost:
            return None
        if self._process is None:
            self._process = _start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _send(self._process.stdin, question)
            answer: tuple[bool, Any] = _receive(self._process.stdout)
        except (OSError, EOFError) as error:
            self._lost = True
            log.warning("a helper process is gone, its work is done here: %s", error)
            return None
        return answer

    def end(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # of one that is gone already
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P: a manifest's folder may be the working folder, and hold a stranger's modules
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _send(stream: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(_SIZE_BYTES, "big"))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """The next message; EOFError where the other end is gone."""
    size = stream.read(_SIZE_BYTES)
    data = stream.read(int.from_bytes(size, "big")) if len(size) == _SIZE_BYTES else b""
    if not data:
        raise EOFError("it ended")
    return pickle.loads(data)


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the parent is gone."""
    while True:
        try:
            function, arguments, keywords = _receive(questions)
        except EOFError:
            return
        try:
            answer = False, function(*arguments, **keywords)
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked
            answer = True, error
        try:
            _send(answers, answer)
        except BrokenPipeError:
            return


def main() -> None:
    """The helper's process."""
    # what a function prints must not be taken for an answer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    collect_rarely()
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
