"""A server that outlives the command that starts it.

`python -m birthcert.installation.launch RECORD LOCK USER PROGRAM ...` writes down which process it
is and then becomes PROGRAM. LOCK, a file descriptor, holds the installation's lock until that is
written: whoever was killed right after the start leaves no process that nobody knows of.
"""

import json
import os
import pwd
import sys
from pathlib import Path

from birthcert.files import write_atomically
from birthcert.installation.processes import this_process


def main() -> None:
    """Record, release, become."""
    record, lock, user, *command = sys.argv[1:]
    write_atomically(Path(record), json.dumps(this_process()).encode())
    os.close(int(lock))
    if user:
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
