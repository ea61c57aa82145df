"""`birthcert` without its start-up: a process that has imported everything forks for each call.

Importing Prefect takes seconds, and the documents call birthcert a dozen times. `serve SOCKET`
is that process; `call SOCKET ARGUMENTS` hands it the caller's folder, environment and streams,
and ends with the exit code of the command.
"""

import array
import json
import os
import signal
import socket
import sys

STREAMS = (0, 1, 2)


def serve(address: str) -> None:
    """Answer calls until this process is ended."""
    import flows.bootstrap
    import flows.issue  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen()
        os.rename(f"{address}.new", address)  # noqa: PTH104 - it is there when it can be called
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                answer(connection)
            connection.close()


def answer(connection: socket.socket) -> None:
    """Run one command as the caller would, in this process, which it ends."""
    from birthcert.cli import run

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, len(STREAMS))
    asked = json.loads(message)
    for descriptor, stream in zip(descriptors, STREAMS, strict=True):
        os.dup2(descriptor, stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    code = run(asked["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(array.array("B", [code]).tobytes())
    os._exit(code)


def call(address: str, arguments: list[str]) -> int:
    """Have a command run; its exit code, 70 where it ended without one."""
    facts = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(facts).encode()], STREAMS)
        return next(iter(connection.recv(1)), 70)


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    if role == "call":
        sys.exit(call(where, rest))
    serve(where)
