"""What one sandbox process shares: its name, its clock, its knobs and where devices connect."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from birthcert.sandbox.knobs import KnobBox

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "eu-west-1"


@dataclass
class SandboxState:
    """One sandbox: handed to every part of it. `clock` gives seconds since the epoch.

    `device_endpoint(account, region)` returns `(host, port)` of that place's MQTT listener,
    which is opened on first use.
    """

    instance: str = field(default_factory=lambda: secrets.token_hex(4))
    clock: Callable[[], float] = time.time
    knobs: KnobBox = field(default_factory=KnobBox)
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    lock: threading.RLock = field(default_factory=threading.RLock)
    device_endpoint: Callable[[str, str], tuple[str, int]] = lambda _a, _r: ("localhost", 8883)
