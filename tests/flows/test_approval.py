"""What a batch costs is agreed to before it is bought: the cap, and the form in Prefect's UI."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from birthcert.errors import BirthcertError
from birthcert.models import BootstrapRequest, IssueRequest, Subject
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.csr import build_csr
from birthcert.sandbox.server import Sandbox

WAIT_SECONDS = 120
ISSUE = "acm-pca.IssueCertificate"
NOT_ALLOWED = {"effect": "error", "code": "AccessDeniedException", "status": 400}


@pytest.fixture(scope="module")
def acme(desk: Path, sandbox: Sandbox) -> Path:
    """The tenant acme, bootstrapped."""
    from flows.bootstrap import bootstrap

    key = {"key_algorithm": "EC_prime256v1"}
    facts = {"tenant": "acme", "certificate_authority": key, "canary": False}
    bootstrap(BootstrapRequest.model_validate(facts))
    return desk


@pytest.fixture
def request_of(acme: Path, tmp_path: Path) -> Callable[..., IssueRequest]:
    """A request for a manifest of so many new devices."""

    def made(devices: int, **facts: Any) -> IssueRequest:
        lines = ["device_id,csr"]
        for number in range(devices):
            name = f"{tmp_path.name.replace('_', '-')}-{number}"
            csr = build_csr(generate_private_key("EC_prime256v1"), Subject(common_name=name))
            (tmp_path / f"{name}.csr").write_bytes(csr)
            lines.append(f"{name},{name}.csr")
        (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
        place = {"manifest": str(tmp_path / "manifest.csv"), "out": str(tmp_path / "out")}
        return IssueRequest.model_validate({"tenant": "acme", **place, **facts})

    return made


@pytest.fixture
def asks_above_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of two needs approval."""
    monkeypatch.setenv("BIRTHCERT_APPROVAL_ABOVE_DEVICES", "1")


@pytest.fixture(scope="module")
def client(prefect: None) -> Iterator[Any]:
    """Prefect's API."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as connected:
        yield connected


class Waiting:
    """A run of `issue` under way in a thread of its own, until it has ended."""

    def __init__(self, client: Any, request: IssueRequest, tag: str) -> None:
        self._client, self._tag = client, tag
        self._pool = ThreadPoolExecutor(1)
        self.ended: Future[Any] = self._pool.submit(self._run, request)

    def _run(self, request: IssueRequest) -> Any:
        from prefect import tags

        from flows.issue import issue

        with tags(self._tag):
            return issue(request)

    @property
    def run(self) -> Any:
        """The run as the server knows it, None before it does."""
        return next((run for run in self._client.read_flow_runs() if self._tag in run.tags), None)

    def form(self) -> str:
        """What the run's form says, as soon as it waits with it."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end and not self.ended.done():
            run = self.run
            if run is not None and run.state.is_paused():
                inputs = self._client.filter_flow_run_input(run.id, "paused-approval-", 10, set())
                texts = {each.key.rpartition("-")[2]: each.decoded_value for each in inputs}
                if "description" in texts:
                    return str(texts["description"])
            threading.Event().wait(0.1)
        raise AssertionError(f"it does not wait: {self.ended}")

    def answer(self, **filled_in: Any) -> None:
        """Fill the form in and press Resume."""
        self.form()
        end = time.monotonic() + WAIT_SECONDS
        # the run is paused a moment before its form is there
        while self._client.resume_flow_run(self.run.id, run_input=filled_in).status != "ACCEPT":
            assert time.monotonic() < end, "it cannot be resumed"
            threading.Event().wait(0.1)

    def start_again(self, request: IssueRequest) -> None:
        """What another worker does with the run when it is handed out anew."""
        self.ended = self._pool.submit(self._run_again, request)

    def _run_again(self, request: IssueRequest) -> Any:
        from prefect.flow_engine import run_flow
        from prefect.states import AwaitingRetry

        from flows.issue import issue

        run = self.run
        self._client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
        known = self._client.read_flow_run(run.id)
        return run_flow(issue, flow_run=known, parameters={"request": request})


@pytest.fixture
def start(client: Any, tmp_path: Path) -> Callable[[IssueRequest], Waiting]:
    """Run `issue` in the background."""
    return lambda request: Waiting(client, request, str(tmp_path))


def test_a_batch_over_its_cap_buys_nothing(
    request_of: Callable[..., IssueRequest], counted: Callable[[], dict[str, int]]
) -> None:
    """Two certificates cost 1.50 dollars, which is more than 1.49; not even a folder is made."""
    from flows.issue import issue

    request = request_of(2, max_cost_usd=1.49)
    with pytest.raises(BirthcertError, match=r"1\.50 USD, more than the cap of 1\.49") as raised:
        issue(request)
    assert raised.value.exit_code == 2
    assert ISSUE not in counted()
    assert not Path(request.out).exists()


@pytest.mark.usefixtures("asks_above_one")
def test_an_approved_batch_is_bought_once(
    request_of: Callable[..., IssueRequest],
    start: Callable[[IssueRequest], Waiting],
    counted: Callable[[], dict[str, int]],
    sandbox: Sandbox,
) -> None:
    """It waits with count and price on its form; cut off after the yes, it does not ask again.

    For another manifest, as the run of an inbox may have, it does.
    """
    sandbox.state.knobs.update({"calls": [{**NOT_ALLOWED, "action": ISSUE}]})
    request = request_of(2)
    run = start(request)
    form = run.form()
    assert "| certificates to buy | **2** |" in form
    assert "1.50 USD at most" in form
    assert ISSUE not in counted()
    run.answer(approve=True)
    with pytest.raises(BirthcertError, match="AccessDeniedException"):
        run.ended.result(WAIT_SECONDS)
    sandbox.state.knobs.update({"calls": []})
    other = Path(request.manifest).with_name("other.csv")
    other.write_bytes(Path(request.manifest).read_bytes())
    run.start_again(request.model_copy(update={"manifest": str(other)}))
    run.answer()
    with pytest.raises(BirthcertError, match="it was refused"):
        run.ended.result(WAIT_SECONDS)
    run.start_again(request)
    assert run.ended.result(WAIT_SECONDS).issued == 2
    assert counted()[ISSUE] == 2


@pytest.mark.usefixtures("asks_above_one")
def test_a_refused_batch_fails_and_says_so(
    request_of: Callable[..., IssueRequest],
    start: Callable[[IssueRequest], Waiting],
    counted: Callable[[], dict[str, int]],
) -> None:
    """Resumed without a yes, nothing is bought and the run says that it was refused."""
    run = start(request_of(2))
    run.answer()
    with pytest.raises(BirthcertError, match="nothing was bought: it was refused"):
        run.ended.result(WAIT_SECONDS)
    assert ISSUE not in counted()


@pytest.mark.usefixtures("asks_above_one")
def test_where_nobody_looks_it_does_not_wait(request_of: Callable[..., IssueRequest]) -> None:
    """On a server that ends with its command, the command says how to approve."""
    from prefect import tags

    from flows.issue import issue
    from flows.leftovers import UNATTENDED

    request = request_of(2)
    with tags(UNATTENDED):
        with pytest.raises(BirthcertError, match="run again with --approve") as raised:
            issue(request)
        assert raised.value.exit_code == 2
        assert issue(request.model_copy(update={"approve": True})).issued == 2


@pytest.mark.usefixtures("asks_above_one")
def test_a_small_batch_asks_nobody(request_of: Callable[..., IssueRequest]) -> None:
    """One device is not above the limit of one."""
    from flows.issue import issue

    assert issue(request_of(1)).issued == 1
