"""A second process for work that only computes: signatures to verify, parts to compress.

Python runs one thread at a time, so the threads that call AWS would wait for every signature.
The helper ends with its parent, and keeps out of reach of signals to the parent's group.
"""

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Final, ParamSpec, Self, TypeVar

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
_SIZE_BYTES: Final = 8


class Helper:
    """Calls functions in another process, one at a time; used inside `with`, by any thread.

    Functions are given by their place in a module; arguments and results travel as pickles. The
    process is started with the first call. Where it dies, this process does the work itself.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lost = False
        # its thread only writes to the process and waits for it
        self._line = ThreadPoolExecutor(1, thread_name_prefix="helper")

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
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with suppress(OSError):  # of one that is gone already
                self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()

    def _call(
        self, function: Callable[..., R], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> R:
        if not self._lost:
            try:
                failed, result = self._ask((function, arguments, keywords))
            except (OSError, EOFError) as error:
                self._lost = True
                log.warning("the helper process is gone, its work is done here: %s", error)
            else:
                if failed:
                    raise result
                return result  # type: ignore[no-any-return]
        return function(*arguments, **keywords)

    def _ask(self, question: object) -> tuple[bool, Any]:
        if self._process is None:
            self._process = _start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _send(self._process.stdin, question)
        answer: tuple[bool, Any] = _receive(self._process.stdout)
        return answer


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
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
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
