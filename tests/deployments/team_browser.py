"""Prefect's UI in a real Chromium, as a person goes about it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Locator, Playwright, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MILLISECONDS = 120_000
# a picture of a canvas with bars and names; an empty one has a tenth of it
DRAWN_BYTES = 20_000


class Browser:
    """A window; `photograph` keeps what it shows."""

    def __init__(self, playwright: Playwright, url: str, folder: Path) -> None:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        self.page = page = chromium.new_page(viewport={"width": 1_280, "height": 900})
        self._url = url
        # make screenshots says where docs/ui.md has them
        self._folder = Path(os.environ.get("SCREENSHOTS") or folder)
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)

    def log_in(self, auth_string: str) -> None:
        """Give what the login asks for, and be at the dashboard."""
        self.page.goto(self._url)
        self.page.get_by_placeholder("admin:pass").fill(auth_string)
        self.page.get_by_role("button", name="Login").click()
        self.page.wait_for_url(re.compile("/dashboard"))

    def open_form(self, deployment: str) -> None:
        """The form of a deployment, by the way that a person clicks."""
        self.page.get_by_role("link", name="Deployments").first.click()
        self.page.get_by_role("link", name=deployment).click()
        self.page.get_by_role("button", name="Run").click()
        self.page.get_by_text("Custom run").click()
        expect(self.field("Tenant").locator("textarea")).not_to_be_empty()

    def field(self, *labels: str) -> Locator:
        """A field of the form with its label, help and message; the last of its name, or in one."""
        field: Any = self.page
        for label in labels:
            labelled = self.page.get_by_text(label, exact=True)
            field = field.locator("div.group", has=labelled).last
        place: Locator = field
        return place

    def fill(self, text: str, *labels: str) -> None:
        """Write into a field."""
        self.field(*labels).locator("textarea, input").first.fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from a drop-down."""
        self.field(label).locator("fieldset button").click()
        self.page.get_by_role("option", name=option).click()
        expect(self.page.get_by_role("option")).to_have_count(0)

    def submit(self) -> None:
        """Press Submit; by keyboard, since the page may still move."""
        self.page.get_by_role("button", name="Submit").press("Enter")

    def sees(self, text: str, *labels: str) -> None:
        """Wait until the page, or a field of its form, shows a text; a field comes into view."""
        found = (self.field(*labels) if labels else self.page).get_by_text(text).first
        expect(found).to_be_visible()
        if labels:
            found.scroll_into_view_if_needed()

    def open_run(self, run_id: str) -> None:
        """The page of a flow run."""
        self.page.goto(f"{self._url}/v2/runs/flow-run/{run_id}")

    def sees_the_graph(self) -> None:
        """Wait until the graph of the run's steps is drawn; it is a picture without texts."""
        canvas = self.page.locator("canvas")
        end = time.monotonic() + PATIENCE_MILLISECONDS / 1_000
        while len(canvas.screenshot()) < DRAWN_BYTES:
            assert time.monotonic() < end, "the graph stayed empty"
            self.page.wait_for_timeout(200)

    def open_tab(self, name: str) -> None:
        """A tab of the page."""
        self.page.get_by_role("tab", name=name).click()

    def open_artifact(self, run_id: str, key: str) -> None:
        """An artifact of a run, by the way that a person clicks."""
        self.open_run(run_id)
        self.open_tab("Artifacts")
        self.page.get_by_role("link", name=key).click()
        self.page.locator("a[href*='/artifacts/artifact/']").first.click()

    def photograph(self, name: str, **how: Any) -> None:
        """Keep what the window shows as NAME.png."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._folder / f"{name}.png", animations="disabled", **how)


class Elsewhere:
    """Something whose methods all run in one other thread."""

    def __init__(self, there: Any, thread: Executor) -> None:
        self._there, self._thread = there, thread

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._there, name)
        return lambda *values, **named: self._thread.submit(method, *values, **named).result()


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Browser]:
    """A browser in a thread of its own.

    Playwright leaves a running loop in its thread, in which Prefect would answer with coroutines.
    """
    with ThreadPoolExecutor(1) as thread:
        playwright = thread.submit(sync_playwright().start).result()
        try:
            browser = thread.submit(Browser, playwright, url, folder).result()
            yield cast("Browser", Elsewhere(browser, thread))
        finally:
            thread.submit(playwright.stop).result()
