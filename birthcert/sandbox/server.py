"""The sandbox in this process: started, described in `sandbox.json`, stopped."""

import contextlib
import json
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from birthcert.aws.access import SANDBOX_HEADER
from birthcert.errors import ConfigurationError
from birthcert.sandbox import pages
from birthcert.sandbox.description import FILE_NAME, Description
from birthcert.sandbox.environment import prepare_moto
from birthcert.sandbox.front.application import SandboxApplication
from birthcert.sandbox.front.calls import Calls
from birthcert.sandbox.front.credentials import AccessKeys
from birthcert.sandbox.front.faults import Faults
from birthcert.sandbox.front.http_server import HttpServer, unusable_port
from birthcert.sandbox.front.quotas import Quotas
from birthcert.sandbox.front.services import region_partitions
from birthcert.sandbox.knobs import KnobBox, Knobs
from birthcert.sandbox.state import DEFAULT_ACCOUNT, DEFAULT_REGION, SandboxState

if TYPE_CHECKING:
    from birthcert.sandbox.device import DeviceEndpoint

WARNING: Final = (
    "birthcert sandbox: a stand-in for AWS, NO PRODUCTION CA: keys are in this process's memory, "
    "signatures are not checked, everything is gone when it ends"
)
_LOOK_SECONDS: Final = 0.5
_running = threading.Lock()


class Sandbox:
    """A running sandbox; one a process at a time, since moto's state is the process's.

    Use it as a context manager or call `stop`.
    """

    def __init__(
        self,
        state: SandboxState,
        description: Description,
        application: SandboxApplication,
        http: HttpServer,
        devices: "DeviceEndpoint",
        log: logging.Handler,
    ) -> None:
        self.state, self.description = state, description
        self._application, self._http, self._devices, self._log = application, http, devices, log

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        port: int = 0,
        mqtt_port: int = 0,
        quotas: bool = False,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        knobs: Knobs | None = None,
    ) -> Self:
        """Start on 127.0.0.1 and return when it is ready; port 0 is any free one.

        ConfigurationError: a port in use, a folder that cannot be written, an unknown region or
        account, or a second sandbox in this process.
        """
        _check_place(account, region)
        if not _running.acquire(blocking=False):
            raise ConfigurationError(
                "a sandbox is running in this process already",
                remedy="stop it first, or start another one in a process of its own",
            )
        with contextlib.ExitStack() as undo:
            undo.callback(_running.release)
            undo.callback(pages.forget_registered)
            directory = directory.absolute()
            log = _open_log(directory)
            undo.callback(_close_log, log)
            state = SandboxState(account=account, region=region, knobs=KnobBox(knobs))
            sandbox = cls._assemble(state, directory, port, mqtt_port, quotas, log, undo)
            undo.pop_all()
            return sandbox

    @classmethod
    def _assemble(
        cls,
        state: SandboxState,
        directory: Path,
        port: int,
        mqtt_port: int,
        quotas: bool,
        log: logging.Handler,
        undo: contextlib.ExitStack,
    ) -> Self:
        prepare_moto()
        # here and not above: they import moto, which reads its switches then
        from birthcert.sandbox import device, moto_work
        from birthcert.sandbox.device.announcement import announcing

        enforced = Quotas(state.clock, state.knobs, enforced=quotas)
        moto_work.begin(state, enforced)
        calls = Calls()
        application = SandboxApplication(
            state=state,
            pages=pages.Pages(state, calls, moto_work.books),
            calls=calls,
            keys=AccessKeys(state),
            faults=Faults(state.knobs),
            quotas=enforced,
            work=announcing(moto_work.work, state, directory),
        )
        http = HttpServer(port, application, {SANDBOX_HEADER: state.instance})
        undo.callback(http.server_close)
        try:
            devices = device.start(state, directory, mqtt_port, quotas=quotas)
        except (OSError, OverflowError) as error:
            raise unusable_port(mqtt_port, error) from error
        undo.callback(devices.stop)
        description = Description(state, directory, http.url, devices.server_ca)
        sandbox = cls(state, description, application, http, devices, log)
        sandbox._describe()
        http.start()
        return sandbox

    def _describe(self) -> None:
        """Keep `sandbox.json` true as further places open their MQTT listeners."""
        open_endpoint = self._devices.address

        def device_endpoint(account: str, region: str) -> tuple[str, int]:
            host, port = open_endpoint(account, region)
            with self.state.lock:
                if not self.description.knows(account, region):
                    self.description.add_endpoint(account, region, host, port)
                    self.description.write()
            return host, port

        pages.register("provisioning", self._devices.failures)
        pages.register("refusals", self._devices.refusals)
        device_endpoint(self.state.account, self.state.region)
        self.state.device_endpoint = device_endpoint

    @property
    def url(self) -> str:
        """The endpoint URL of all AWS services."""
        return self._http.url

    @property
    def environment(self) -> dict[str, str]:
        """The AWS_* variables that point a client here."""
        return self.description.environment

    def calls(self) -> dict[str, dict[str, int]]:
        """How often each `service.Action` was called, by outcome: the page `/_sandbox/calls`."""
        return self._application.calls.counts()

    def reset_calls(self) -> None:
        """Count anew."""
        self._application.calls.reset()

    def stop(self) -> None:
        """End all connections and free the ports; `sandbox.json` stays as it was."""
        self._application.stopping.set()
        self._http.stop()
        self._devices.stop()
        pages.forget_registered()
        _close_log(self._log)
        _running.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()


def serve(directory: Path, **options: Any) -> None:
    """Run a sandbox in the foreground until SIGINT or SIGTERM; the main thread only.

    `options` are those of `Sandbox.start`. Prints the facts of `sandbox.json` as one JSON line on
    standard output when it is ready, and a warning on standard error.
    """
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Sandbox.start(directory, **options) as sandbox:
            print(WARNING, file=sys.stderr, flush=True)
            print(json.dumps(sandbox.description.facts()), flush=True)
            # a signal between the last look for one and the wait's beginning does not end the wait
            while not ended.wait(_LOOK_SECONDS):
                pass
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _check_place(account: str, region: str) -> None:
    if not (account.isascii() and account.isdecimal() and len(account) == 12):
        raise ConfigurationError(f"{account} is no AWS account id", remedy="give 12 digits")
    if region not in region_partitions():
        raise ConfigurationError(
            f"{region} is no region of AWS", remedy="give one such as eu-west-1"
        )


def _open_log(directory: Path) -> logging.Handler:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / FILE_NAME).unlink(missing_ok=True)
        handler = logging.FileHandler(directory / "sandbox.log")
    except OSError as error:
        raise ConfigurationError(
            f"the sandbox's folder {directory} cannot be written: {error.strerror}",
            remedy="choose another folder",
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger("birthcert.sandbox")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    return handler


def _close_log(handler: logging.Handler) -> None:
    logging.getLogger("birthcert.sandbox").removeHandler(handler)
    handler.close()
