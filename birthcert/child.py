"""A program that ends with its parent, however that ends: `python -m birthcert.child MODULE ...`.

The parent holds the other end of the child's standard input. Where the parent is killed, the pipe
closes; signals that a terminal or a supervisor sends to the parent's group do not come here, since
the child has a session of its own.
"""

import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

END_SECONDS: Final = 5.0


def main() -> None:
    """Run the module named first, with the arguments behind it, until standard input ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    # signals are for the program's own thread, which may be waiting for one
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    # nobody is left who would end a program that does not heed the signal
    os._exit(1)


if __name__ == "__main__":
    main()
