"""Runs a flow from the command line with Prefect's settings in place and its console quiet."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import httpx

from birthcert import console, interrupts
from birthcert.aws.caller import resolve_region
from birthcert.console import Show
from birthcert.issuance.manifest import read_manifest
from birthcert.ledger.ledger import Ledger, utc_now
from birthcert.models import (
    BootstrapReport,
    BootstrapRequest,
    CanaryReport,
    CanaryRequest,
    IssueReport,
    IssueRequest,
    ReconcileReport,
    ReconcileRequest,
)
from birthcert.settings import load_settings
from birthcert.status import RunStatus, StatusReport, batches_status

Report = TypeVar("Report")
FLUSH_SECONDS: Final = 5.0
log = logging.getLogger(__name__)


def run_bootstrap(request: BootstrapRequest, show: Show) -> BootstrapReport:
    """The flow `bootstrap`, run here."""
    resolve_region(request)
    prepare_prefect()
    from flows.bootstrap import bootstrap

    return _quietly(lambda: bootstrap(request), show)


def run_issue(request: IssueRequest, show: Show) -> IssueReport:
    """The flow `issue`, run here; a wrong region or manifest is said before Prefect starts."""
    resolve_region(request)
    read_manifest(request.manifest, csr_required=request.generate_keys is None)
    prepare_prefect()
    from flows.issue import issue

    return _quietly(lambda: issue(request), show)


def run_canary(request: CanaryRequest, show: Show) -> CanaryReport:
    """The flow `canary`, run here."""
    resolve_region(request)
    prepare_prefect()
    from flows.canary import canary

    return _quietly(lambda: canary(request), show)


def run_reconcile(request: ReconcileRequest, show: Show) -> ReconcileReport:
    """The flow `reconcile`, run here."""
    resolve_region(request)
    prepare_prefect()
    from flows.reconcile import reconcile

    return _quietly(lambda: reconcile(request), show)


def read_status(tenant: str | None, show: Show) -> StatusReport:
    """Prefect's runs of our flows, and the ledger's batches; no run is started or changed."""
    prepare_prefect()
    from flows.leftovers import recent_runs

    console.show_logs(Show(quiet=True, debug=show.debug))
    settings = load_settings()
    runs: list[RunStatus] = []
    problem = ""
    try:
        runs = recent_runs(tenant)
    except (httpx.HTTPError, RuntimeError) as error:
        problem = f"Prefect cannot be asked: {error}"
    with Ledger.open(settings.ledger_url, settings.state_folder) as ledger:
        batches = batches_status(ledger, tenant, now=utc_now())
        return StatusReport(ledger=ledger.name, runs=runs, runs_unknown=problem, batches=batches)


def prepare_prefect() -> None:
    """Environment that Prefect reads at import: the user's own settings win."""
    results = load_settings().results_folder
    for name, value in {
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(results),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "birthcert",
        # what is said before and after the run is for the terminal alone
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # a temporary server takes 10 s on a free machine, and more on a busy one
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }.items():
        os.environ.setdefault(name, value)


def _quietly(flow: Callable[[], Report], show: Show) -> Report:
    from prefect import tags
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import PrefectConsoleHandler

    from flows.leftovers import process_tags

    setup_logging()
    if not show.debug:
        # the same lines go to Prefect's UI; tracebacks are not for a terminal
        for logger in (logging.getLogger(name) for name in logging.root.manager.loggerDict):
            for handler in logger.handlers:
                if isinstance(handler, PrefectConsoleHandler):
                    handler.setLevel(logging.CRITICAL)
    console.show_logs(show)
    _start_temporary_server()
    _end_leftovers()
    try:
        with tags(*process_tags()):
            return flow()
    finally:
        _send_the_rest()


def _start_temporary_server() -> None:
    """Where no API is configured, Prefect's own server: a child that outlives a Ctrl-C.

    A terminal sends Ctrl-C to it too, and without it a run cannot be ended well. So it is started
    by a thread that holds SIGINT back, which a child inherits.
    """
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return
    from prefect.client.orchestration import get_client
    from prefect.server.api.server import SubprocessASGIServer

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        # what goes wrong here goes wrong again, and is told, in the run
        with suppress(RuntimeError, httpx.HTTPError), get_client(sync_client=True):
            server = SubprocessASGIServer().server_process
            if server is not None:
                interrupts.last_acts.append(server.kill)

    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    thread.join()


def _end_leftovers() -> None:
    """Runs of killed processes; that Prefect does not let us end them stops no new run."""
    from flows.leftovers import crash_leftovers

    try:
        for name in crash_leftovers():
            log.warning("the run %s was left behind by a process that is gone: Crashed now", name)
    except httpx.HTTPError as error:
        log.warning("runs left behind could not be ended: %s", error)


def _send_the_rest() -> None:
    """Prefect's queued logs and events are sent now: at exit its server may be gone already."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=FLUSH_SECONDS)
