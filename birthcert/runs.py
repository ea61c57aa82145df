"""Runs a flow from the command line with Prefect's settings in place and its console quiet."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import httpx

from birthcert import console
from birthcert.aws.access import AwsAccess
from birthcert.aws.caller import resolve_region
from birthcert.console import Show
from birthcert.errors import ConfigurationError
from birthcert.files import make_folder
from birthcert.issuance.manifest import read_manifest
from birthcert.ledger.ledger import Ledger, utc_now
from birthcert.live import live_progress
from birthcert.models import (
    BootstrapReport,
    BootstrapRequest,
    CanaryReport,
    CanaryRequest,
    FleetReport,
    FleetRequest,
    IssueReport,
    IssueRequest,
    ManifestOptions,
    ReconcileReport,
    ReconcileRequest,
    RolloverReport,
    RolloverRequest,
)
from birthcert.servers import ServerNotStarted, temporary_prefect_server
from birthcert.settings import load_settings
from birthcert.status import RunStatus, StatusReport, batches_status
from birthcert.storage.address import is_s3
from birthcert.storage.stores import Storage

FLUSH_SECONDS: Final = 5.0
log = logging.getLogger(__name__)


def run_bootstrap(request: BootstrapRequest, show: Show) -> BootstrapReport:
    """The flow `bootstrap`, run here; raises CertificateAwaited where a root must sign first."""
    resolve_region(request)
    with _prefect(show, may_wait=False) as ready:
        from flows.bootstrap import bootstrap

        ready()
        return bootstrap(request)


def run_rollover(request: RolloverRequest, show: Show) -> RolloverReport:
    """The flow `rollover`, run here; raises CertificateAwaited where a root must sign first."""
    resolve_region(request)
    with _prefect(show, may_wait=False) as ready:
        from flows.rollover import rollover

        ready()
        return rollover(request)


def run_issue(request: IssueRequest, show: Show) -> IssueReport:
    """The flow `issue`, run here; a wrong region or manifest is said before Prefect starts."""
    _check_manifest(request, resolve_region(request), request.account_block)
    with _prefect(show) as ready:
        from flows.issue import issue

        ready()
        with live_progress(show, console.err):
            return issue(request)


def run_fleet(request: FleetRequest, show: Show) -> FleetReport:
    """The flow `fleet`, run here; a wrong region or manifest is said before Prefect starts."""
    regions = [resolve_region(where) for where in request.wheres() if where.region]
    _check_manifest(request, regions[0] if regions else "", request.places[0].account_block)
    with _prefect(show) as ready:
        from flows.fleet import fleet

        ready()
        with live_progress(show, console.err):
            return fleet(request)


def run_canary(request: CanaryRequest, show: Show) -> CanaryReport:
    """The flow `canary`, run here."""
    resolve_region(request)
    with _prefect(show) as ready:
        from flows.canary import canary

        ready()
        return canary(request)


def run_reconcile(request: ReconcileRequest, show: Show) -> ReconcileReport:
    """The flow `reconcile`, run here."""
    resolve_region(request)
    with _prefect(show) as ready:
        from flows.reconcile import reconcile

        ready()
        return reconcile(request)


def read_status(tenant: str | None, show: Show) -> StatusReport:
    """Prefect's runs of our flows, and the ledger's batches; no run is started or changed.

    ConfigurationError for a tenant of which there are neither.
    """
    console.show_logs(Show(quiet=True, debug=show.debug))
    settings = load_settings()
    runs: list[RunStatus] = []
    problem = ""
    try:
        with _prefect_api() as ready:
            from flows.leftovers import recent_runs

            ready()
            runs = recent_runs(tenant)
    except (httpx.HTTPError, RuntimeError, ServerNotStarted) as error:
        problem = f"Prefect cannot be asked: {error}"
    with Ledger.open(settings.ledger_url, settings.state_folder) as ledger:
        batches = batches_status(ledger, tenant, now=utc_now())
        if tenant and not (runs or batches or problem):
            raise ConfigurationError(
                f"there are no runs and no batches of tenant {tenant}",
                remedy=f"all that is known, from {ledger.name}: birthcert status",
            )
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
    }.items():
        os.environ.setdefault(name, value)


def _check_manifest(request: ManifestOptions, region: str, account_block: str | None) -> None:
    csr_required = request.generate_keys is None
    if not is_s3(request.manifest):
        read_manifest(request.manifest, csr_required=csr_required)
    elif account_block is None:
        # a block's credentials are known to Prefect alone, which is not there yet
        aws = AwsAccess(region, retry_seconds=load_settings().retry_seconds)
        read_manifest(request.manifest, csr_required=csr_required, storage=Storage(aws))


@contextmanager
def _prefect(show: Show, *, may_wait: bool = True) -> Iterator[Callable[[], None]]:
    """Prefect for one run from the command line: its API, a quiet console, tags of this process.

    Import the flow inside, while the API comes up, then call what is yielded. A run that may not
    wait, or whose UI nobody can open, ends where it would wait for a person.
    """
    with _prefect_api() as api_ready, ExitStack() as stack:

        def ready() -> None:
            from prefect import tags
            from prefect.settings import PREFECT_API_URL

            from flows.leftovers import UNATTENDED, process_tags

            _quieten(show)
            attended = may_wait and bool(PREFECT_API_URL.value())
            api_ready()
            stack.callback(_send_the_rest)
            _end_leftovers()
            stack.enter_context(tags(*process_tags(), *([] if attended else [UNATTENDED])))

        yield ready


@contextmanager
def _prefect_api() -> Iterator[Callable[[], None]]:
    """The API that is configured, or one of our own; what is yielded waits for it."""
    prepare_prefect()
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with ExitStack() as stack:
        if PREFECT_API_URL.value():
            yield lambda: None
            return
        log = load_settings().state_folder / "prefect-server.log"
        make_folder(log.parent)
        server = stack.enter_context(temporary_prefect_server(log))

        def ready() -> None:
            server.wait()
            stack.enter_context(temporary_settings({PREFECT_API_URL: server.api}))

        yield ready


def _quieten(show: Show) -> None:
    from prefect.logging.configuration import setup_logging
    from prefect.logging.handlers import PrefectConsoleHandler

    setup_logging()
    if not show.debug:
        # the same lines go to Prefect's UI; tracebacks are not for a terminal
        for logger in (logging.getLogger(name) for name in logging.root.manager.loggerDict):
            for handler in logger.handlers:
                if isinstance(handler, PrefectConsoleHandler):
                    handler.setLevel(logging.CRITICAL)
    console.show_logs(show)


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
