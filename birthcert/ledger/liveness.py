"""Whether a process that claimed rows is still there.

A lease alone would make a run that follows a `kill -9` wait until the dead one's lease is over.
"""

import os
from functools import cache
from pathlib import Path


@cache
def process_space() -> str:
    """Names the set of processes in which a pid means one process: this boot and pid namespace.

    Empty where the system does not tell (not Linux): then only the lease counts.
    """
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    try:
        return f"{boot.read_text(encoding='ascii').strip()}/{namespace.readlink()}"
    except OSError:
        return ""


def is_gone(space: str, pid: int) -> bool:
    """True only where it is certain that the process does not run any more."""
    if not space or space != process_space():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"
