"""What canaries are in the air, written down so that one whose process died is taken away."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from birthcert.files import make_folder


@dataclass(frozen=True)
class Traces:
    """What a canary leaves in AWS: all that is needed to take it away."""

    name: str
    thing_name: str
    certificate_id: str
    ca_certificate_id: str
    authority_arn: str
    serial_number: str


class Records:
    """A folder with a file for each canary in the air; its process holds a lock on it.

    The lock goes with the process, so a file that can be locked is a dead one's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def holding(self, traces: Traces) -> Iterator[Callable[[], None]]:
        """Written down before the block; what is yielded forgets it, once nothing is left."""
        make_folder(self._folder)
        path = self._folder / f"{traces.name}.json"
        with path.open("xb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.write(json.dumps(asdict(traces)).encode())
            stream.flush()
            os.fsync(stream.fileno())
            yield path.unlink

    @contextmanager
    def abandoned(self) -> Iterator[list["Abandoned"]]:
        """The canaries whose process died, held for the block against others who look."""
        with ExitStack() as streams:
            held = []
            for path in sorted(self._folder.glob("*.json")):
                stream = streams.enter_context(path.open("rb"))
                if not _is_free(stream):
                    continue
                traces = _read(stream)
                if traces is None:
                    path.unlink(missing_ok=True)
                else:
                    held.append(Abandoned(traces, path))
            yield held


@dataclass(frozen=True)
class Abandoned:
    """A dead process's canary."""

    traces: Traces
    path: Path

    def forget(self) -> None:
        """Nothing of it is left."""
        self.path.unlink(missing_ok=True)


def _is_free(stream: BinaryIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(stream: BinaryIO) -> Traces | None:
    """None for a file that its process had not finished: nothing was in AWS IoT yet."""
    try:
        return Traces(**json.load(stream))
    except (ValueError, TypeError):
        return None
