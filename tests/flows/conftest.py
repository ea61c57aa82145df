"""Flows run in this process, with the calls that reached AWS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from birthcert.models import BootstrapReport, BootstrapRequest, IssueReport, IssueRequest
from birthcert.sandbox.server import Sandbox


@dataclass(frozen=True)
class Ran:
    """A flow's report and its calls to AWS: `service.Action` -> outcome -> how often."""

    report: Any
    calls: dict[str, dict[str, int]]

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each step of a bootstrap."""
        return {step.name: step.outcome for step in self.report.steps}


@pytest.fixture(scope="module")
def run_bootstrap(desk: Path, sandbox: Sandbox) -> Callable[[BootstrapRequest], Ran]:
    """Run the flow `bootstrap` and count its calls."""
    from flows.bootstrap import bootstrap

    def run(request: BootstrapRequest) -> Ran:
        sandbox.reset_calls()
        report: BootstrapReport = bootstrap(request)
        return Ran(report, sandbox.calls())

    return run


@pytest.fixture(scope="module")
def run_issue(desk: Path, sandbox: Sandbox) -> Callable[[IssueRequest], Ran]:
    """Run the flow `issue` and count its calls."""
    from flows.issue import issue

    def run(request: IssueRequest) -> Ran:
        sandbox.reset_calls()
        report: IssueReport = issue(request)
        return Ran(report, sandbox.calls())

    return run
