"""Runs the flows' own bodies in processes that are killed on purpose; a script, not a test.

Reads jobs as JSON lines and writes how each ended. Everything is imported once and each job runs
in a fork, so a death costs milliseconds. The flows' functions are the real ones, in the flows'
own order; only Prefect is taken out: a step is called as a function, a chunk runs in a thread.
With `--cli` it is the real command line with the real Prefect, in one process, killed likewise.
"""

import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import botocore.session

from birthcert.ledger import connection

MOMENTS = {"before": "before-send", "after": "response-received"}
SERVICES = ("acm-pca", "iam", "iot", "sts")


class Boundaries:
    """Counts the moments before a request is sent and after its answer came, and acts at one."""

    def __init__(self, wanted: dict[str, Any], act: Any) -> None:
        self._wanted, self._act = wanted, act
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], int] = {}
        self.calls: list[str] = []

    def watch(self, session: Any) -> None:
        """Hang into every client that the session will make."""
        for moment, event in MOMENTS.items():
            session.register(event, lambda m=moment, **facts: self._at(m, facts))

    def _at(self, moment: str, facts: dict[str, Any]) -> None:
        service, _, operation = str(facts["event_name"]).partition(".")[2].partition(".")
        name = f"{service}.{operation}"
        with self._lock:
            if moment == "before":
                self.calls.append(name)
            for key in ((moment, name), (moment, "*")):
                self._seen[key] = self._seen.get(key, 0) + 1
            key = moment, self._wanted.get("action", "*")
            if self._wanted.get("moment") != moment or self._seen.get(key) != self._wanted["nth"]:
                return
            if key[1] in ("*", name):
                # with the lock held: no other thread passes a boundary meanwhile
                self._act()


def die() -> None:
    """As `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def hook_botocore(boundaries: Boundaries, parts: dict[str, Any] | None = None) -> None:
    """Every botocore session of this process is watched; `parts` take the place of its own."""
    make = botocore.session.Session.__init__

    def init(self: Any, *arguments: Any, **options: Any) -> None:
        make(self, *arguments, **options)
        for name, part in (parts or {}).items():
            self.register_component(name, part)
        boundaries.watch(self)

    botocore.session.Session.__init__ = init  # type: ignore[method-assign]


def preloaded() -> dict[str, Any]:
    """Parts of botocore that have read AWS's models, which takes most of a short run's time."""
    session = boto3.Session(
        region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    for service in SERVICES:
        assert session.client(service).exceptions.ClientError
    session.get_available_regions("ec2")
    core = session._session
    return {name: core.get_component(name) for name in ("data_loader", "exceptions_factory")}


def plain_runbook() -> Any:
    """The flows' Runbook without Prefect: a step is called as the function that it is."""
    from birthcert.models import Step
    from flows.runbook import Runbook

    class PlainRunbook(Runbook):
        def __call__(self, step: Any, *arguments: Any) -> Any:
            result = step.fn(*arguments)
            self.steps.append(Step(name=step.name, outcome=result.outcome, arn=result.arn))
            return result

    return PlainRunbook


class PlainChunk:
    """The chunk's task without Prefect: runs in a thread, as Prefect's task runner would."""

    def __init__(self, task: Any, pool: ThreadPoolExecutor) -> None:
        self._task, self._pool = task, pool

    def submit(self, **arguments: Any) -> Future[Any]:
        from prefect.utilities.annotations import quote

        plain = {k: v.unquote() if isinstance(v, quote) else v for k, v in arguments.items()}
        future: Any = self._pool.submit(self._task.fn, **plain)
        future.wait = lambda: contextlib.suppress(BaseException) and future.exception()
        return future


def plain_report(request: Any, place: Any, batch: Any) -> Any:
    """The batch's report, which nobody but the test is told of."""
    from tasks.access import aws_in

    aws = aws_in(place.region, request.account_block)
    return batch.report(throttled=aws.throttled, quota_use=aws.quota_use)


def run_flow(name: str, request: dict[str, Any]) -> Any:
    """The flow's own body."""
    import flows.bootstrap
    import flows.chunks
    import flows.issue
    import flows.places
    import flows.rollover
    from birthcert.models import BootstrapRequest, IssueRequest, RolloverRequest

    for module in (flows.bootstrap, flows.issue, flows.places, flows.rollover):
        module.Runbook = plain_runbook()  # type: ignore[attr-defined]
        module.create_markdown_artifact = lambda **_facts: None  # type: ignore[attr-defined]
    if name == "bootstrap":
        return flows.bootstrap.bootstrap.fn(BootstrapRequest.model_validate(request))
    if name == "rollover":
        return flows.rollover.rollover.fn(RolloverRequest.model_validate(request))
    # artifacts and events would have each victim start a Prefect server
    flows.issue.told = lambda *_facts: contextlib.nullcontext()  # type: ignore[assignment]
    flows.issue.reported = plain_report  # type: ignore[assignment]
    with ThreadPoolExecutor(flows.chunks.CHUNKS_IN_FLIGHT) as pool:
        flows.chunks.issue_chunk = PlainChunk(flows.chunks.issue_chunk, pool)  # type: ignore[assignment]
        return flows.issue.issue.fn(IssueRequest.model_validate(request))


def work(job: dict[str, Any], parts: dict[str, Any]) -> None:
    """One job, in its own process; its answer goes to a file."""
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    boundaries = Boundaries(job.get("kill") or {}, die)
    hook_botocore(boundaries, parts)
    if milliseconds := job.get("busy_timeout_milliseconds"):
        connection.BUSY_TIMEOUT_MILLISECONDS = milliseconds  # type: ignore[misc]
    if seconds := (job.get("kill") or {}).get("seconds"):
        # the default action of the signal: the kernel ends the process, no code of ours runs
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.monotonic()
    try:
        report = run_flow(job["flow"], job["request"]).model_dump(mode="json")
        answer = {"report": report, "calls": boundaries.calls}
    except Exception as error:  # noqa: BLE001 - the test reads it
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}", "calls": boundaries.calls}
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer["seconds"] = time.monotonic() - started
    Path(job["answer"]).write_text(json.dumps(answer))


def serve() -> None:
    """Fork for each job; one line of JSON says how the process ended."""
    import flows.bootstrap
    import flows.issue
    import flows.rollover  # noqa: F401

    parts = preloaded()
    gc.freeze()
    running: dict[int, str] = {}
    assert threading.active_count() == 1, threading.enumerate()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        jobs = json.loads(line)
        for job in jobs:
            pid = os.fork()
            if pid == 0:
                log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(log, 1)
                os.dup2(log, 2)
                work(job, parts)
                sys.stdout.flush()
                os._exit(0)
            running[pid] = job["answer"]
        ended = {}
        while running:
            pid, status = os.wait()
            ended[running.pop(pid)] = os.waitstatus_to_exitcode(status)
        print(json.dumps(ended), flush=True)


def run_cli(plan: dict[str, Any], arguments: list[str]) -> int:
    """The command line itself; at the boundary it gets the plan's signal."""
    number = signal.Signals[plan.get("signal", "SIGKILL")]
    hook_botocore(Boundaries(plan, lambda: os.kill(os.getpid(), number)))
    from birthcert import cli

    return cli.run(arguments)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--cli"]:
        sys.argv, cli_plan = ["birthcert", *sys.argv[3:]], json.loads(sys.argv[2])
        sys.exit(run_cli(cli_plan, sys.argv[1:]))
    serve()
